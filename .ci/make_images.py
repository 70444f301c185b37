"""Take the README's pictures from the running product: python .ci/make_images.py.

Starts `workbench lab` on the first notebook, does the main job with the mouse, and opens the demo's page.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
TIMEOUT_MS = 120_000
WORKBENCH = [sys.executable, "-c", "from workbench.cli import main; main()"]
SHOW_PANEL = "() => document.querySelector('.wb-app').scrollIntoView({block: 'start'})"


def main() -> None:
    """Take both pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        picture_of_demo(browser, folder)
        picture_of_panel(browser, folder)
        browser.close()


def picture_of_demo(browser: Browser, folder: str) -> None:
    """Run the demo and take a picture of its page."""
    subprocess.run([*WORKBENCH, "demo", "--out", folder], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(f"file://{folder}/index.html")
    save(page.screenshot(), "demo.png")
    page.close()


def picture_of_panel(browser: Browser, folder: str) -> None:
    """Do the main job in JupyterLab and take a picture of the panel."""
    copy = shutil.copy(
        ROOT / "notebooks" / "01_first_ranking.ipynb", folder
    )  # JupyterLab saves what it shows
    command = [*WORKBENCH, "lab", copy, "--json"]
    lab = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        address = json.loads("".join(iter(lab.stdout.readline, "}\n")) + "}")
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(address["url"] + "&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", state="attached")
        page.wait_for_timeout(3000)  # idle comes before connected, and a cell run in between is dropped
        page.click(".jp-CodeCell >> nth=0")
        page.keyboard.press("Control+b")  # the side bar folds away
        page.keyboard.press("Shift+Enter")
        page.click("button.wb-embed, .wb-embed button")
        page.wait_for_selector(".wb-status :text-matches('Embedded|Ranked')")
        page.click("button.wb-rank, .wb-rank button")
        page.wait_for_selector(".wb-results .wb-card")
        page.click(".wb-results .wb-card >> nth=0")
        page.wait_for_timeout(3000)
        page.evaluate(SHOW_PANEL)
        page.wait_for_timeout(2000)
        save(page.screenshot(), "workbench.png")
        page.close()
    finally:
        lab.terminate()
        lab.wait()


def save(png: bytes, name: str) -> None:
    """Write a picture as small as it gets without a loss."""
    Image.open(io.BytesIO(png)).convert("RGB").save(IMAGES / name, optimize=True)
    print(f"{name}: {(IMAGES / name).stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
