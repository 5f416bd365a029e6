"""The published page in a real browser: Debian's Chromium, without a network."""

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayes_nmda import paths

AXE = Path(__file__).parents[2] / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


def _lacking(what: str) -> None:
    """Skip, and say so loudly; where a browser is required, fail."""
    message = f"no {what}: run `make test`, which installs it; the page is NOT tested in a browser"
    if os.environ.get("BAYES_NMDA_BROWSER") == "required":
        pytest.fail(message)
    warnings.warn(message, stacklevel=2)
    pytest.skip(message)


@pytest.fixture(scope="module")
def chromium() -> Iterator[object]:
    """Return a browser."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        _lacking("Chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of axe-core."""
    if not AXE.is_file():
        _lacking("axe-core")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def visit(chromium):
    """Return a function that opens the published page and collects what goes wrong."""
    contexts = []

    def open_page(width=1280, height=800, *, dark=False, at="", scripts=True):
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            bypass_csp=True,  # tests run their own scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith("file:")
                else page.faults.append(f"asks for {request.url}")
            ),
        )
        page.goto((paths.latest() / "index.html").as_uri() + at)
        return page

    yield open_page
    for context in contexts:
        context.close()


def opened(page) -> None:
    """Open everything that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")
