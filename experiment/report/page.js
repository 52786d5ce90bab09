"use strict";
// What every report does: a click on a picture shows it in its own size.

for (const picture of document.querySelectorAll("figure img"))
  picture.addEventListener("click", () => picture.classList.toggle("whole"));

