"""A headless Chromium for tests of report.html; where there is none, they are skipped."""

import atexit
import shutil
from contextlib import closing, contextmanager
from functools import cache

import numpy as np
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@cache
def browser():
    """The browser, which all tests of a process share."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    atexit.register(playwright.stop)
    atexit.register(started.close)  # the last to be registered is the first to be called
    return started


@contextmanager
def opened(path, width=1100, height=900):
    """A page of the browser that shows a file, of which no request but for itself is let through."""
    with closing(browser().new_context(viewport={"width": width, "height": height})) as context:
        page = context.new_page()
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        page.goto(path.resolve().as_uri())
        yield page


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
