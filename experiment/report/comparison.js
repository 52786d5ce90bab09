// The report of a study. Headings of tables become buttons that sort by their column; boxes show and hide the curves of
// a run, the parts of the figure whose id begins with the name of its box.

function compareTexts(one, other) {
  const [x, y] = [parseFloat(one), parseFloat(other)]; // of "-101.2 +- 0.3" the mean
  if (Number.isNaN(x) || Number.isNaN(y)) return one.localeCompare(other, "en", { numeric: true });
  return x - y;
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  const [body] = table.tBodies;
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const isUpwards = heading.getAttribute("aria-sort") !== "ascending";
      for (const each of headings) each.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", isUpwards ? "ascending" : "descending");
      const textOf = (row) => row.cells[column].textContent;
      const rows = [...body.rows].sort((one, other) => compareTexts(textOf(one), textOf(other)));
      body.append(...(isUpwards ? rows : rows.reverse()));
    });
  });
}

function makeSwitches(group) {
  const everything = group.querySelector("[name=all]");
  const boxes = [...group.querySelectorAll("input")].filter((box) => box !== everything);
  function update() {
    for (const box of boxes)
      for (const line of document.querySelectorAll(`[id^="${box.name}-"]`)) line.style.display = box.checked ? "" : "none";
    everything.checked = boxes.every((box) => box.checked);
  }
  everything.addEventListener("change", () => {
    for (const box of boxes) box.checked = everything.checked;
    update();
  });
  for (const box of boxes) box.addEventListener("change", update);
  group.hidden = false;
  update();
}

for (const table of document.querySelectorAll("table.grid")) makeSortable(table);
for (const group of document.querySelectorAll(".curves")) makeSwitches(group);
