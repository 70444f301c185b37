"""Models in the panel, in a real JupyterLab: find, fetch, explain, compare."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.browser.test_workbench import CARD, SHOW, clip_folder, in_cell, keys_of, open_path, rank, status
from tests.hub.server import running_hub

pytestmark = [pytest.mark.browser, pytest.mark.slow]
__all__ = ["clip_folder"]  # a fixture

HUB_MODEL = "test/tiny-clip"
FAR_AWAY = """
import os
os.environ.pop("HF_HUB_OFFLINE", None)
os.environ |= {{"HF_ENDPOINT": {url!r}, "EMBEDDING_WORKBENCH_MODELS": {folder!r}}}
from models.catalog import CATALOG, ModelCard
CATALOG["test/tiny-clip"] = ModelCard(
    model_id="test/tiny-clip", architecture="clip", task_type="embedding", backends=("hugging-face",),
    embedding_dim=24, license="<i>MIT</i>", size_bytes={size}, text_length=77, gated=True,
)
"""
TWO_MODELS = """
from models import register_model
from tests.fakes import MeanColorModel, MotionModel
register_model("fake-motion", "embedding", "custom", MotionModel)
register_model("fake-color", "embedding", "custom", MeanColorModel)
"""
BOXES = """
class Boxes:
    def setup(self):
        pass

register_model("boxes", "object-detection", "custom", Boxes)
"""


@pytest.fixture
def hub(tmp_path):
    """A hub with one tiny model, whose weights come slowly."""
    from models.families.clip.tiny import make_tiny_package

    package = make_tiny_package(tmp_path / "tiny")
    paths = [path for path in package.directory.iterdir() if path.name != "manifest.json"]
    with running_hub() as hub:
        hub.commit(HUB_MODEL, {path.name: path.read_bytes() for path in paths})
        hub.rule("safetensors", lambda answer: replace(answer, piece=8192, pause_s=0.1))
        yield hub


@pytest.fixture
def far_away(hub, tmp_path, open_notebook):
    """A page in which the model of the hub is chosen."""
    cell = FAR_AWAY.format(url=hub.url, folder=str(tmp_path / "models"), size=298_500)
    page = open_notebook(cell, SHOW.format(model=HUB_MODEL))
    page.wait_for_selector(".wb-app .wb-download")
    return page


def options(page, hook):
    return page.locator(f"{hook} option").all_text_contents()


def changes(page):
    """The marks of all cards, by column."""
    groups = page.locator(".wb-results .wb-group")
    return [groups.nth(n).locator(".wb-card-change").all_text_contents() for n in range(groups.count())]


def test_filters__narrow_the_list_and_the_card_says_everything(open_notebook, shot):
    page = open_notebook("from workbench import Workbench\nwb = Workbench()\nwb")
    page.wait_for_selector(".wb-app .wb-model")
    assert len(options(page, ".wb-model")) > 20
    page.select_option(".wb-licence select", label="MIT")
    page.select_option(".wb-modality select", label="Video")
    page.select_option(".wb-installed select", label="Not installed")
    page.fill(".wb-filter input", "patch32 16")
    expect(page.locator(".wb-model-count")).to_contain_text("2 of")
    assert set(options(page, ".wb-model")) == {
        "microsoft/xclip-base-patch32-16-frames",
        "workbench/spriteclip-tiny",
    }
    page.select_option(".wb-model select", label="microsoft/xclip-base-patch32-16-frames")
    expect(page.locator(".wb-model-state")).to_contain_text("not downloaded")
    expect(page.locator(".wb-download")).to_contain_text("MB")
    page.click(".wb-model-card summary >> nth=0")
    for words in ("xclip", "dimensions", "16 frames", "tokens", "MIT", "not pinned", "hub"):
        expect(page.locator(".wb-model-card")).to_contain_text(words)
    shot(page, "models-filtered")
    assert page.problems == []


def test_download__progress_stop_go_on_and_load(far_away, shot):
    page = far_away
    expect(page.locator(".wb-model-state")).to_contain_text("Gated")
    page.click(".wb-download")
    expect(page.locator(".wb-download-progress")).to_contain_text(re.compile(r"kB of .* kB/s .* left"))
    page.fill(".wb-prompts textarea", "the panel answers meanwhile")
    assert in_cell(page, "print(wb.prompts)").strip() == "['the panel answers meanwhile']"
    shot(page, "models-downloading")
    page.click(".wb-stop-download")
    expect(status(page)).to_contain_text("was stopped; what came is kept")
    expect(page.locator(".wb-download")).to_contain_text("Go on")
    page.click(".wb-download")
    expect(status(page)).to_contain_text("is on this machine now")
    expect(page.locator(".wb-download")).to_be_hidden()
    page.click(".wb-load-model")
    expect(status(page)).to_contain_text(f"{HUB_MODEL} is ready on")
    page.click(".wb-model-card summary >> nth=0")
    expect(page.locator(".wb-model-card")).to_contain_text("<i>MIT</i>")
    expect(page.locator(".wb-model-card")).to_contain_text("loaded from")
    expect(page.locator(".wb-model-card")).to_contain_text(re.compile(r"revision\s*[0-9a-f]{40}"))
    assert page.problems == []


def test_download__a_gate_tells_how_to_open_it(far_away, hub, shot):
    hub.gated = True
    far_away.click(".wb-download")
    expect(far_away.locator(".wb-download-problem")).to_contain_text("hf auth login")
    expect(status(far_away)).to_contain_text("hf auth login")
    shot(far_away, "models-gated")
    hub.gated = False
    far_away.click(".wb-download")
    expect(status(far_away)).to_contain_text("is on this machine now")
    expect(far_away.locator(".wb-download-problem")).to_be_hidden()


def test_why_not__the_reasons_are_there(open_notebook, shot):
    fussy = TWO_MODELS + (
        "from models.registry import RegistryEntry\n"
        "register_model('fake-trt', 'embedding', 'trt', MeanColorModel)\n"
    )
    page = open_notebook(fussy, SHOW.format(model="fake-trt"))
    expect(page.locator(".wb-model-state")).to_contain_text("Cannot run here")
    page.click(".wb-model-card summary >> nth=0")
    expect(page.locator(".wb-model-card")).to_contain_text("Why it cannot run here")
    expect(page.locator(".wb-model-card")).to_contain_text("turned down")
    expect(page.locator(".wb-model-card")).to_contain_text("not installed")
    shot(page, "models-why-not")


def test_registered__in_a_cell_appears_at_once_and_says_what_it_is(open_notebook):
    page = open_notebook("from workbench import Workbench\nwb = Workbench()\nwb")
    page.wait_for_selector(".wb-app .wb-model")
    in_cell(page, TWO_MODELS)
    expect(page.locator(".wb-model option", has_text="fake-motion")).to_have_count(1)
    expect(page.locator(".wb-compare option", has_text="fake-motion")).to_have_count(1)
    in_cell(page, BOXES)
    page.select_option(".wb-model select", label="boxes")
    expect(page.locator(".wb-model-state")).to_contain_text("gives no vectors")
    expect(page.locator(".wb-compare option", has_text="boxes")).to_have_count(0)


def test_compare__two_models_side_by_side(open_notebook, clip_folder, shot):
    page = open_notebook(TWO_MODELS, SHOW.format(model="fake-motion"))
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    page.select_option(".wb-compare select", label="fake-color")
    rank(page, "red right\nblue left")
    expect(page.locator(".wb-results .wb-group")).to_have_count(4)
    expect(page.locator(".wb-card-change:visible")).to_have_count(16)
    whose = page.locator(".wb-results .wb-group-whose").all_text_contents()
    assert whose == ["fake-motion · cosine", "fake-color · cosine"] * 2
    first, second = (keys_of(page, f".wb-results .wb-group:nth-child({n}) .wb-card") for n in (1, 2))
    assert first[0] == "red right.mp4"
    assert set(second[:2]) == {"red left.mp4", "red right.mp4"}
    places = {key: place for place, key in enumerate(second, start=1)}
    for place, (key, mark) in enumerate(zip(first, changes(page)[0], strict=True), start=1):
        if key in places:
            gap = places[key] - place
            assert mark == (f"▲{gap}" if gap > 0 else f"▼{-gap}" if gap < 0 else "=")
    page.locator(CARD).first.click()
    chosen = page.locator(f"{CARD}[data-clip='red right.mp4'][aria-selected='true']")
    expect(chosen).to_have_count(keys_of(page).count("red right.mp4"))
    assert chosen.count() >= 2  # in both columns
    assert "['fake-motion', 'fake-color']" in in_cell(page, "print(list(wb.rankings), wb.compare_with)")
    expect(page.locator(".wb-compare-heatmap")).to_be_visible()
    shot(page, "models-compared")
    left, right = (page.locator(".wb-results .wb-group").nth(n).bounding_box() for n in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] < right["x"]
    page.set_viewport_size({"width": 520, "height": 1000})
    page.wait_for_timeout(300)
    above, below = (page.locator(".wb-results .wb-group").nth(n).bounding_box() for n in (0, 1))
    assert above["y"] < below["y"]
    assert page.problems == []


def test_compare__from_python_and_back_to_one(open_notebook, clip_folder):
    page = open_notebook(TWO_MODELS, SHOW.format(model="fake-motion"))
    open_path(page, clip_folder)
    expect(status(page)).to_contain_text("6 clips")
    rank(page, "red right")
    expect(page.locator(CARD).first).to_be_visible()
    in_cell(page, "wb.compare_with = 'fake-color'")
    expect(page.locator(".wb-compare select")).to_have_value(re.compile(r"."))
    expect(page.locator(".wb-card-change:visible")).to_have_count(8)
    expect(page.locator(".wb-compare-state")).to_contain_text("ready on cpu")
    in_cell(page, "second = wb.compared; wb.compare_with = ''")
    expect(page.locator(".wb-results .wb-group")).to_have_count(1)
    expect(page.locator(".wb-card-change:visible")).to_have_count(0)
    assert in_cell(page, "print(second.model, wb.compared, len(wb.rankings))").strip() == "None None 1"
