"""Pages in a real browser: Chromium without a window, from files and without a network."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.browser.every_page import write_every_page

SIZES = {"desktop": (1280, 900), "phone": (375, 760)}


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="package")
def chromium():
    """One browser for all of these tests; its event loop would disturb others, so that it ends with them."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (the extra `dev` has it)")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def reports(tmp_path_factory):
    """Small made-up pages of every kind."""
    root = tmp_path_factory.mktemp("reports")
    write_every_page(root)
    return root


@dataclass
class Visits:
    """Opens pages, and remembers what they complain of and ask for."""

    browser: object
    contexts: list = field(default_factory=list)
    complaints: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def __call__(self, file, anchor="", size="desktop", **settings):
        width, height = SIZES[size]
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, has_touch=size == "phone", **settings
        )
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(Path(file).as_uri() + anchor)
        return page


@pytest.fixture
def visit(chromium):
    """Open a page: `visit(file, anchor, size, color_scheme=...)`.

    Afterwards: nothing stood on the console, and nothing but files was asked for.
    """
    visits = Visits(chromium)
    yield visits
    for context in visits.contexts:
        context.close()
    assert not visits.complaints
    assert all(url.startswith(("file:", "data:")) for url in visits.requests)
