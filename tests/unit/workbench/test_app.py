import threading

import pytest
from traitlets import HasTraits, Unicode, link

from models.registry import register_model, unregister_model
from tests.fakes import MeanColorModel
from workbench.app import Workbench
from workbench.controllers.compare import CompareController
from workbench.controllers.rank import RankController
from workbench.errors import InvalidParameterError
from workbench.panels.snapshot import MAX_BYTES

WAIT_S = 30


@pytest.fixture
def wb(color_model, pictures):
    made = Workbench(model=color_model, clips=pictures, prompts=["red", "blue"])
    assert made._clips.wait(WAIT_S)
    yield made
    made.close()


def rank(wb):
    wb._ranks.rank()
    assert wb._ranks.embed.wait(WAIT_S)
    assert wb._ranks.wait(WAIT_S)


def test_init__takes_model_clips_and_prompts(wb, pictures):
    assert wb.clips.keys == pictures.keys
    assert wb.prompts == ["red", "blue"]
    assert wb.session.model_id == "fake-color"
    assert wb.model is None


def test_init__takes_a_loaded_model(pictures):
    model = MeanColorModel()
    wb = Workbench(model=model, clips=pictures, prompts="red")
    assert wb.model is model
    assert wb._clips.wait(WAIT_S)
    rank(wb)
    assert wb.ranking.top(1) == [[("red.png", pytest.approx(1.0))]]
    wb.close()


def test_ranking_and_embeddings__are_those_of_the_panel(wb):
    rank(wb)
    assert wb.ranking is wb.session.ranking
    assert wb.embeddings is wb.session.embeddings
    assert [best[0][0] for best in wb.ranking.top(1)] == ["red.png", "blue.png"]


def test_selection__both_ways(wb):
    wb.selection = "red.png"
    assert wb.session.selection == "red.png"
    wb.session.selection = "blue.png"
    assert wb.selection == "blue.png"


def test_selection__an_unknown_key_is_refused_and_put_back(wb):
    wb.selection = "red.png"
    with pytest.raises(InvalidParameterError, match="ghost"):
        wb.selection = "ghost"
    assert wb.selection == wb.session.selection == "red.png"


def test_prompts__both_ways(wb):
    wb.prompts = ["green"]
    assert wb._ranks.prompts_text == "green"
    wb._ranks.prompts_text = "yellow\nred"
    assert wb.prompts == ["yellow", "red"]


def test_clips__set_from_python(wb, pictures):
    wb.clips = pictures[:1]
    assert wb.session.clips.keys == pictures.keys[:1]


def test_observe__and_unobserve(wb):
    seen = []

    def note(change):
        seen.append((change.name, change.new, threading.get_ident()))

    wb.observe(note, names="selection")
    wb.session.selection = "red.png"
    assert seen == [("selection", "red.png", threading.get_ident())]
    wb.unobserve(note, names="selection")
    wb.session.selection = "blue.png"
    assert len(seen) == 1


def test_observe__link_to_another_widget(wb):
    class Other(HasTraits):
        value = Unicode()

    other = Other()
    joined = link((wb, "selection"), (other, "value"))
    other.value = "red.png"
    assert wb.session.selection == "red.png"
    wb.session.selection = "blue.png"
    assert other.value == "blue.png"
    joined.unlink()


def test_display__without_a_kernel_has_widget_html_and_text(wb):
    rank(wb)
    bundle = wb._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "wb-static" in bundle["text/html"]
    assert "red.png" in bundle["text/html"]
    assert "data:image/jpeg;base64," in bundle["text/html"]
    assert bundle["text/plain"] == "Workbench(model='fake-color', 4 clips, 2 prompts)"


def test_snapshot__stays_small_and_escaped(color_model, many_pictures):
    wb = Workbench(model=color_model, clips=many_pictures, prompts=[f"red <b>{i}" for i in range(40)])
    assert wb._clips.wait(WAIT_S)
    rank(wb)
    text = wb.snapshot()
    assert len(text) < MAX_BYTES + 30_000
    assert "<b>0" not in text
    assert "and 20 more prompts" in text
    wb.close()


def test_snapshot__while_other_clips_take_the_place_of_the_ranked(wb, pictures):
    rank(wb)
    compare = CompareController.of(wb.session)
    groups = compare.groups
    wb.session.clips = pictures[:1]
    compare.groups = groups  # as a thread sees them that draws at this very moment
    text = wb.snapshot()
    assert "red.png" in text
    assert text.count("data:image/jpeg") == 2  # of the clip that is still there, for each prompt


def test_compare_with__both_ways_and_in_the_snapshot(color_model, pictures):
    register_model("fake-second", "embedding", "custom", MeanColorModel)
    try:
        wb = Workbench(model=color_model, clips=pictures)
        assert wb._clips.wait(WAIT_S)
        wb.prompts = ["red"]
        wb.compare_with = "fake-second"
        assert wb.session.compare_with == "fake-second"
        rank(wb)
        other = wb.compared
        assert RankController.of(other).embed.wait(WAIT_S)
        assert RankController.of(other).wait(WAIT_S)
        assert list(wb.rankings) == [color_model, "fake-second"]
        assert wb.rankings["fake-second"] is other.ranking
        assert f"{color_model} vs fake-second" in wb.snapshot()
        wb.session.compare_with = ""
        assert wb.compare_with == ""
        assert wb.compared is None
        wb.close()
    finally:
        unregister_model("fake-second", "embedding", "custom")


def test_compare_with__the_model_itself_is_refused_and_put_back(color_model):
    wb = Workbench(model=color_model)
    with pytest.raises(InvalidParameterError, match="itself"):
        wb.compare_with = color_model
    assert wb.compare_with == ""
    wb.close()


def test_close__stops_the_job_and_lets_go_of_the_session(gated_model, many_pictures):
    wb = Workbench(model="fake-gated", clips=many_pictures)
    assert wb._clips.wait(WAIT_S)
    embed = wb._ranks.embed
    job = embed.start()
    assert gated_model.waiting.wait(WAIT_S)
    wb.close()
    assert job.result(WAIT_S).stopped
    assert wb.comm is None
    wb.close()
