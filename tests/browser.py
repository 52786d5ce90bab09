"""A headless Chromium for tests of report.html; where there is none, they are skipped."""

import shutil
from contextlib import contextmanager

import numpy as np
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def opened(path, width=1100, height=900):
    """A page of the browser that shows a file, of which no request but for itself is let through."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.goto(path.resolve().as_uri())
        yield page
        browser.close()


def pixels_of(page):
    """The explorer's canvas as the browser holds it: uint8 [H, W, 3]."""
    height, width, values = page.evaluate(
        """() => {
            const canvas = document.querySelector(".explorer canvas");
            const { width, height } = canvas;
            return [height, width, Array.from(canvas.getContext("2d").getImageData(0, 0, width, height).data)];
        }"""
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]
