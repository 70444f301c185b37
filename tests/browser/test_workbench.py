"""The panel in a real JupyterLab, driven through its hooks as a user would."""

import re
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import run_all
from tests.fakes import moving_clip
from workbench.media.samples import sample_answers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FAKE_MODEL = """
from models import register_model
from tests.fakes import MotionModel
register_model("fake-motion", "embedding", "custom", MotionModel)
"""
SLOW_MODEL = """
import time
from models import register_model
from tests.fakes import MeanColorModel

class Slow(MeanColorModel):
    pace_s = 0.1
    def embed_images(self, images):
        time.sleep(self.pace_s * len(images))
        return super().embed_images(images)

register_model("fake-slow", "embedding", "custom", Slow)
"""
SHOW = "from workbench import Workbench\nwb = Workbench(model={model!r})\nwb"
CARD = ".wb-results .wb-card"


@pytest.fixture
def clip_folder(lab):
    """Six clips: a bar of three colours that moves right or left."""
    from workbench.media.encode import write_video

    folder = lab.root / "clips"
    if not folder.exists():
        folder.mkdir()
        for color in ("red", "green", "blue"):
            for way in ("left", "right"):
                frames = moving_clip(color, way, num_frames=16, size=128)
                write_video(folder / f"{color} {way}.mp4", frames, 12)
    return folder


@pytest.fixture
def panel(open_notebook):
    """A page with the workbench and the fake model."""

    def show(*more: str, **options):
        page = open_notebook(FAKE_MODEL, SHOW.format(model="fake-motion"), *more, **options)
        page.wait_for_selector(".wb-app .wb-embed")
        return page

    return show


def open_path(page, path):
    page.fill(".wb-source input", str(path))
    page.click(".wb-open")


def rank(page, prompts):
    page.fill(".wb-prompts textarea", prompts)
    page.click(".wb-rank")


def keys_of(page, selector=CARD):
    return page.locator(selector).evaluate_all("cards => cards.map(card => card.dataset.clip)")


def status(page):
    return page.locator(".wb-status")


def selected(page):
    return keys_of(page, f"{CARD}[aria-selected='true']")


def in_cell(page, code):
    """Run code in a new last cell and return what it printed."""
    return page.evaluate(
        """async (code) => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code });
            let text = '';
            future.onIOPub = (message) => {
                if (message.header.msg_type === 'stream') text += message.content.text;
                if (message.header.msg_type === 'error') text += message.content.traceback.join('\\n');
            };
            await future.done;
            return text;
        }""",
        code,
    )


def test_whole_job__with_the_bundled_model_and_samples(open_notebook, shot):
    page = open_notebook("from workbench import Workbench\nwb = Workbench()\nwb")
    page.wait_for_selector(".wb-app .wb-embed")
    shot(page, "empty-light")
    page.click(".wb-samples")
    expect(status(page)).to_contain_text("24 clips")
    page.click(".wb-embed")
    expect(page.locator(CARD).first).to_be_visible()
    expect(status(page)).to_contain_text("Ranked 24 clips")
    expect(page.locator(".wb-jobbar .wb-progress-text").first).to_contain_text(
        re.compile(r"24 clips in .* clips/s · decode \d+ % · .*model \d+ %")
    )
    wanted = sample_answers()
    best = page.locator(".wb-results .wb-group-cards").evaluate_all(
        "groups => groups.map(group => group.querySelector('.wb-card').dataset.clip)"
    )
    right = sum(found == answer for found, answer in zip(best, wanted.values(), strict=True))
    assert right >= 0.9 * len(wanted)
    page.locator(CARD).nth(1).click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.wb-results video')].some(video => video.currentTime > 0)"
    )
    assert selected(page)[0] == keys_of(page)[1]
    expect(page.locator(".wb-inspector .wb-frame")).to_have_count(8)
    shot(page, "ranked-light")
    assert page.problems == []


def test_heatmap__a_click_selects_the_clip_everywhere(panel, clip_folder):
    page = panel()
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    rank(page, "red right\nblue")
    expect(page.locator(CARD).first).to_be_visible()
    assert keys_of(page)[0] == "red right.mp4"
    box = page.locator(".wb-heatmap canvas").bounding_box()
    page.locator(".wb-heatmap canvas").click(position={"x": box["width"] / 6 * 2.5, "y": 5})
    third = sorted(path.name for path in clip_folder.iterdir())[2]
    expect(page.locator(".wb-inspector")).to_contain_text(third)
    assert in_cell(page, "print(wb.selection)").strip() == third
    expect(page.locator(f".wb-clips .wb-card[data-clip='{third}']")).to_have_attribute(
        "aria-selected", "true"
    )


def test_python__and_the_panel_stay_in_step(panel, clip_folder):
    page = panel()
    in_cell(
        page, f"import asyncio; from workbench import load_clips; wb.clips = load_clips({str(clip_folder)!r})"
    )
    expect(page.locator(".wb-clips .wb-card")).to_have_count(6)
    in_cell(page, "seen = []; wb.observe(lambda change: seen.append(change.new), names='selection')")
    rank(page, "green left")
    expect(page.locator(CARD).first).to_be_visible()
    page.locator(CARD).first.click()
    expect(page.locator(".wb-inspector")).to_contain_text("green left.mp4")
    assert (
        in_cell(page, "print(seen, wb.ranking.top(1)[0][0][0])").strip()
        == "['green left.mp4'] green left.mp4"
    )
    in_cell(page, "wb.selection = 'blue left.mp4'")
    expect(page.locator(f"{CARD}[data-clip='blue left.mp4']")).to_have_attribute("aria-selected", "true")
    in_cell(page, "wb.prompts = ['blue', 'red']")
    expect(page.locator(".wb-prompts textarea")).to_have_value("blue\nred")


def test_stop__ends_a_running_job_soon_and_the_next_goes_on(open_notebook, lab, shot):
    folder = lab.root / "many"
    folder.mkdir()
    for number in range(300):
        Image.new("RGB", (16, 12), (number % 256, 90, 120)).save(folder / f"{number:03d}.png")
    page = open_notebook(SLOW_MODEL, SHOW.format(model="fake-slow"))
    open_path(page, folder)
    expect(status(page)).to_contain_text("300 images")
    page.click(".wb-embed")
    expect(page.locator(".wb-progress-text")).to_contain_text(re.compile(r"[1-9]\d* of 300"))
    shot(page, "running-light")
    page.click(".wb-stop")
    expect(status(page)).to_contain_text("embedded and kept")
    done = int(re.search(r"Stopped: (\d+) of", status(page).inner_text())[1])
    assert 0 < done < 300
    expect(page.locator(".wb-plan")).to_contain_text("already embedded")
    in_cell(page, "Slow.pace_s = 0.0")
    page.click(".wb-embed")
    expect(status(page)).to_contain_text("300 clips are embedded")


def test_error__shows_the_next_step_and_the_panel_goes_on(panel, clip_folder, shot):
    page = panel()
    open_path(page, "/no/such/folder")
    expect(status(page)).to_contain_text("Nothing usable in /no/such/folder")
    expect(status(page)).to_contain_text("Check the path")
    expect(status(page).locator("[role=alert]")).to_be_visible()
    shot(page, "error-light")
    page.fill(".wb-source input", str(clip_folder))
    page.press(".wb-source input", "Enter")
    expect(status(page)).to_contain_text("6 clips")


def test_bug__its_trace_is_one_click_away(open_notebook, clip_folder):
    broken = FAKE_MODEL + "MotionModel.embed_videos = lambda self, videos: 1 / 0"
    page = open_notebook(broken, SHOW.format(model="fake-motion"))
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    page.click(".wb-embed")
    expect(status(page)).to_contain_text("ZeroDivisionError")
    expect(status(page).locator("pre")).to_be_hidden()
    status(page).locator("summary").click()
    expect(status(page).locator("pre")).to_contain_text("1 / 0")


def test_hostile_names__are_text(panel, lab, shot):
    folder = lab.root / "hostile"
    folder.mkdir()
    names = ["<img src=x onerror=alert(1)>.png", 'a & b\'s "clip".png', "n" * 200 + ".png"]
    for name in names:
        path = folder / name
        Image.new("RGB", (8, 8), (255, 0, 0)).save(path)
    (folder / "<b>broken<svg onload=alert(3)>.mp4").write_text("no video")
    page = panel()
    open_path(page, folder)
    expect(status(page)).to_contain_text("3 images")
    rank(page, "red <script>alert(4)</script>\n<img src=x onerror=alert(5)>")
    expect(page.locator(CARD).first).to_be_visible()
    assert "<img src=x onerror=alert(1)>.png" in keys_of(page)
    page.locator(CARD).first.click()
    expect(page.locator(".wb-inspector")).to_contain_text(".png")
    page.locator(".wb-outcomes summary").click()
    expect(page.locator(".wb-outcomes")).to_contain_text("<svg onload=alert(3)>")
    shot(page, "hostile-names-light")
    assert page.locator(".wb-app img[src='x']").count() == 0
    assert page.dialogs == []
    assert page.problems == []


def big_video(path, extra_bytes):
    """A small real video made large by a box that readers skip."""
    from workbench.media.encode import write_video

    write_video(path, moving_clip("red", "right", num_frames=8, size=64), 12)
    with path.open("ab") as file:
        file.write(struct.pack(">I4s", extra_bytes + 8, b"free") + bytes(extra_bytes))
    return path


def test_upload__also_over_ten_megabytes(panel, tmp_path):
    small, large = tmp_path / "small.png", big_video(tmp_path / "large one.mp4", 12_000_000)
    Image.new("RGB", (8, 8), (0, 0, 255)).save(small)
    page = panel()
    with page.expect_file_chooser() as chooser:
        page.click(".wb-upload")
    chooser.value.set_files([small, large])
    expect(status(page)).to_contain_text("1 clip and 1 image now")
    rank(page, "blue")
    expect(page.locator(CARD).first).to_have_attribute("data-clip", "small.png")


def luminance(page, selector):
    """How light a background is, 0 to 255."""
    rgb = page.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")
    return float(np.mean([float(part) for part in re.findall(r"[\d.]+", rgb)[:3]]))


def test_theme__follows_jupyterlab_at_once(panel, clip_folder, shot):
    page = panel()
    assert luminance(page, ".wb-app") > 200
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    rank(page, "red right\ngreen")
    expect(page.locator(CARD).first).to_be_visible()
    page.locator(CARD).first.click()
    expect(page.locator(".wb-inspector .wb-frame")).to_have_count(4)
    change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
    try:
        page.evaluate(change, "JupyterLab Dark")
        page.wait_for_function("() => document.body.dataset.jpThemeLight === 'false'")
        page.wait_for_timeout(500)  # style sheets of the theme arrive
        shot(page, "ranked-dark")
        assert luminance(page, ".wb-app") < 60
    finally:
        page.evaluate(change, "JupyterLab Light")


def test_reload__with_the_kernel_alive_everything_is_there_and_goes_on(panel, clip_folder):
    page = panel()
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    rank(page, "red right")
    expect(page.locator(CARD).first).to_be_visible()
    page.locator(CARD).first.click()
    expect(page.locator(".wb-inspector")).to_contain_text("red right.mp4")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.goto(page.url.split("?")[0])
    expect(page.locator(CARD).first).to_have_attribute("data-clip", "red right.mp4")
    expect(page.locator(".wb-prompts textarea")).to_have_value("red right")
    expect(page.locator(".wb-inspector")).to_contain_text("red right.mp4")
    rank(page, "blue left")
    expect(page.locator(CARD).first).to_have_attribute("data-clip", "blue left.mp4")
    page.locator(CARD).first.click()
    expect(page.locator(".wb-inspector")).to_contain_text("blue left.mp4")


def test_unknown_words__are_named(panel, clip_folder):
    page = panel()
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    rank(page, "giraffe")
    expect(page.locator(".wb-results")).to_contain_text("the model does not know: 'giraffe'")
    expect(status(page)).to_contain_text("The model does not know: 'giraffe'")


def test_keyboard__moves_plays_and_explains_only_with_focus_inside(panel, clip_folder):
    page = panel()
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    rank(page, "red right")
    page.locator(CARD).first.click()
    page.keyboard.press("ArrowRight")
    expect(page.locator(CARD).nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Space")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.wb-results video')].some(video => video.currentTime > 0)"
    )
    page.keyboard.press("?")
    expect(page.locator(".wb-results .wb-keys")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator(".wb-results .wb-keys")).to_be_hidden()
    assert page.locator(".jp-Cell").count() == 2  # no key reached the notebook


def test_layout__wide_narrow_and_two_hundred_clips(panel, lab, shot):
    folder = lab.root / "two-hundred"
    folder.mkdir()
    for number in range(200):
        name = f"{number:03d} a long name that somebody gave to a picture of no great interest.png"
        Image.fromarray(np.full((48, 64, 3), (number, 255 - number, 120), np.uint8)).save(folder / name)
    page = panel(size=(1600, 1000))
    open_path(page, folder)
    expect(page.locator(".wb-clips .wb-card")).to_have_count(200)
    page.fill(".wb-top-k input", "50")
    rank(page, "red\nblue\ngreen\nyellow")
    expect(page.locator(CARD)).to_have_count(200)
    page.locator(CARD).first.click()
    expect(page.locator(".wb-inspector")).to_contain_text("image")
    shot(page, "wide-200-clips-light")
    for width, name in ((1600, "wide"), (1000, "middle"), (700, "narrow")):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_timeout(300)
        over = page.locator(".wb-app").evaluate("app => app.scrollWidth - app.clientWidth")
        assert over <= 1, name
        shot(page, f"{name}-light")
    assert page.problems == []


def test_display__twice_and_again_in_the_same_cell(panel, clip_folder):
    page = panel("wb")
    expect(page.locator(".wb-app")).to_have_count(2)
    open_path_in = page.locator(".wb-app").first
    open_path_in.locator(".wb-source input").fill(str(clip_folder))
    open_path_in.locator(".wb-open").click()
    expect(page.locator(".wb-app").nth(1).locator(".wb-clips .wb-card")).to_have_count(6)
    in_cell(page, "old = wb")
    run_all(page)
    expect(page.locator(".wb-app")).to_have_count(2)
    assert in_cell(page, "print(old is wb, old.comm)").strip() == "False None"
    open_path_in.locator(".wb-samples").click()
    expect(page.locator(".wb-app").first.locator(".wb-clips .wb-card")).to_have_count(24)


def test_saved_notebook__is_small_and_shows_the_last_state(panel, clip_folder, lab, shot):
    page = panel()
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    rank(page, "red right\nblue")
    expect(page.locator(CARD).first).to_be_visible()
    page.wait_for_function(
        "() => document.querySelector('.wb-static')?.textContent.includes('red right.mp4')"
    )
    assert not page.locator(".wb-static").is_visible()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    name = page.url.split("/tree/")[1].split("?")[0]
    saved = lab.root / name
    assert saved.stat().st_size < 400_000
    html = lab.root / "saved.html"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", str(html), str(saved)]
    subprocess.run(command, check=True, capture_output=True)
    page.goto(html.as_uri())
    expect(page.locator(".wb-static")).to_be_visible()
    expect(page.locator(".wb-static")).to_contain_text("red right.mp4")
    assert page.locator(".wb-static img").count() == 8
    shot(page, "saved-notebook")
