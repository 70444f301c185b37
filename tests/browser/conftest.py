"""One JupyterLab and one Chromium for all browser tests; a page and a kernel for each test."""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.lab import ARGS, CHROMIUM, READY, Lab, lab_server

TIMEOUT_MS = 60_000
OpenNotebook = Callable[..., "Page"]  # noqa: F821
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab_server(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")  # its event loop must not outlive these tests
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGS)
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.set_default_timeout(TIMEOUT_MS)
        playwright.expect.set_options(timeout=TIMEOUT_MS)
        yield context
        browser.close()


@pytest.fixture
def open_notebook(lab, chromium, request, repo_root):
    """Write cells to a notebook, open it, run all cells, and hand over the page."""
    pages = []

    def open_it(*cells: str, size: tuple[int, int] = (1440, 1000)):
        name = f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())}-{next(_NUMBERS)}.ipynb"
        page = chromium.new_page()
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.dialogs = []
        page.on("dialog", lambda dialog: _answer(page, dialog))
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        pages.append(page)
        page.goto(lab.address(lab.write(name, list(cells))))
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_function(READY)
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        run_all(page)
        return page

    yield open_it
    for number, page in enumerate(pages):
        if getattr(request.node, "failed", False):
            page.screenshot(path=_artefacts(repo_root) / f"failed-{request.node.name}-{number}.png")
        page.close()
    lab.shut_kernels_down()


def _answer(page, dialog) -> None:
    """Leave the page when JupyterLab asks about unsaved changes; note down every other box."""
    if dialog.type == "beforeunload":
        dialog.accept()
        return
    page.dialogs.append(dialog.message)
    dialog.dismiss()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Let fixtures know whether the test failed."""
    report = yield
    if report.when == "call":
        item.failed = report.failed
    return report


def _artefacts(root: Path) -> Path:
    """The folder of pictures, which git ignores."""
    folder = root / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder


def run_all(page) -> None:
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


@pytest.fixture
def shot(repo_root: Path):
    """Keep a picture of the page under artefacts/."""

    def keep(page, name: str) -> Path:
        path = _artefacts(repo_root) / f"{name}.png"
        page.screenshot(path=path)
        return path

    return keep
