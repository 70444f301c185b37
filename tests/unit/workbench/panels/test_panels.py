"""The views: what is set in a widget reaches the controller, and the other way round."""

import pytest

from models.registry import register_model, unregister_model
from tests.fakes import MotionModel
from workbench.controllers.rank import MODES
from workbench.panels.clip_loader import ClipLoader
from workbench.panels.embed_panel import EmbedPanel
from workbench.panels.inspector import Inspector
from workbench.panels.model_picker import ModelPicker
from workbench.panels.rank_panel import RankPanel
from workbench.session import Session

WAIT_S = 30


def every(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def hook(panel, name):
    """The one widget with a CSS class, anywhere in a panel."""
    (found,) = [widget for widget in every(panel) if name in getattr(widget, "_dom_classes", ())]
    return found


def test_model_picker__lists_chooses_and_loads(session):
    picker = ModelPicker(session)
    models = hook(picker, "wb-model")
    assert models.value == "fake-color"
    assert "workbench/spriteclip-tiny" in models.options
    hook(picker, "wb-load-model").click()
    assert picker.controller.wait(WAIT_S)
    assert hook(picker, "wb-load-model").disabled
    assert "ready on cpu" in hook(picker, "wb-model-state").value
    assert "fake-color is ready" in hook(picker, "wb-status").value
    models.value = "workbench/spriteclip-tiny"
    assert session.model_id == "workbench/spriteclip-tiny"
    assert not hook(picker, "wb-load-model").disabled
    assert "spriteclip" in hook(picker, "wb-model-card").value


def test_model_picker__filter_keeps_the_choice(session):
    picker = ModelPicker(session)
    hook(picker, "wb-filter").value = "nothing like this"
    assert hook(picker, "wb-model").options == ("fake-color",)
    assert session.model_id == "fake-color"
    hook(picker, "wb-filter").value = ""
    assert len(hook(picker, "wb-model").options) > 1
    assert session.model_id == "fake-color"


def test_model_picker__a_model_registered_later_appears(session):
    picker = ModelPicker(session)
    register_model("fake-late", "embedding", "custom", MotionModel)
    try:
        assert "fake-late" in hook(picker, "wb-model").options
        assert hook(picker, "wb-model").value == "fake-color"
    finally:
        unregister_model("fake-late", "embedding", "custom")


def test_model_picker__a_choice_from_python_is_shown(session):
    picker = ModelPicker(session)
    session.model_id = "workbench/spriteclip-tiny"
    assert hook(picker, "wb-model").value == "workbench/spriteclip-tiny"


def test_clip_loader__opens_the_path_and_lists_problems(session, picture_folder):
    (picture_folder / "<b>broken.mp4").write_text("no video")
    loader = ClipLoader(session)
    hook(loader, "wb-source").value = str(picture_folder)
    hook(loader, "wb-open").click()
    assert loader.controller.wait(WAIT_S)
    cards = hook(loader, "wb-clips").groups[0]["cards"]
    assert [card["key"] for card in cards] == session.clips.keys
    assert "&lt;b&gt;broken.mp4" in hook(loader, "wb-outcomes").value
    assert "<b>broken" not in hook(loader, "wb-outcomes").value


def test_clip_loader__enter_opens_the_path(session, picture_folder):
    loader = ClipLoader(session)
    source = hook(loader, "wb-source")
    source.value = str(picture_folder)
    source._handle_custom_msg({"event": "submit"}, [])
    assert loader.controller.wait(WAIT_S)
    assert len(session.clips) == 4


def test_clip_loader__samples(session):
    loader = ClipLoader(session)
    hook(loader, "wb-samples").click()
    assert loader.controller.wait(WAIT_S)
    assert len(session.clips) >= 24


def test_embed_panel__embeds_and_shows_progress(session, pictures):
    session.clips = pictures
    panel = EmbedPanel(session)
    assert "4 images" in hook(panel, "wb-plan").value
    assert hook(panel, "wb-stop").disabled
    hook(panel, "wb-embed").click()
    assert panel.controller.wait(WAIT_S)
    assert len(session.embeddings) == 4
    assert hook(panel, "wb-progress").value == 1.0
    assert hook(panel, "wb-progress").bar_style == "success"
    assert not hook(panel, "wb-embed").disabled


def test_embed_panel__a_click_without_clips_shows_the_error_and_its_next_step(session):
    panel = EmbedPanel(session)
    hook(panel, "wb-embed").click()
    assert panel.controller.wait(WAIT_S)
    assert "There are no clips to embed." in hook(panel, "wb-status").value
    assert "press Samples" in hook(panel, "wb-status").value


def test_embed_panel__stop_is_there_while_a_job_runs(gated_model, many_pictures):
    session = Session(model_id="fake-gated", clips=many_pictures)
    panel = EmbedPanel(session)
    hook(panel, "wb-embed").click()
    assert gated_model.waiting.wait(WAIT_S)
    assert hook(panel, "wb-embed").disabled
    assert not hook(panel, "wb-stop").disabled
    hook(panel, "wb-stop").click()
    assert hook(panel, "wb-stop").disabled
    gated_model.gate.set()
    assert panel.controller.wait(WAIT_S)
    assert "Stopped" in hook(panel, "wb-status").value
    panel.close()


def test_embed_panel__skipped_clips_are_listed(session, pictures):
    session.clips = pictures
    pictures["green.png"].path.write_bytes(b"broken now")
    panel = EmbedPanel(session)
    hook(panel, "wb-embed").click()
    assert panel.controller.wait(WAIT_S)
    assert "1 skipped" in hook(panel, "wb-skipped").value
    assert "green.png" in hook(panel, "wb-skipped").value


def test_rank_panel__ranks_and_shows_cards_and_heat(session, pictures, monkeypatch):
    monkeypatch.setattr("workbench.panels.base.LATE_S", 0.0)
    session.clips = pictures
    panel = RankPanel(session)
    assert "Type prompts" in hook(panel, "wb-results").empty_text
    hook(panel, "wb-prompts").value = "red\nblue"
    hook(panel, "wb-rank").click()
    assert panel.controller.embed.wait(WAIT_S)
    assert panel.controller.wait(WAIT_S)
    groups = hook(panel, "wb-results").groups
    assert [group["cards"][0]["key"] for group in groups] == ["red.png", "blue.png"]
    assert hook(panel, "wb-heatmap").rows == ["red", "blue"]
    hook(panel, "wb-prompts").value = "red"
    assert hook(panel, "wb-rank").description == "Rank again"


def test_rank_panel__letters_that_come_after_the_click_count(session, pictures, monkeypatch):
    monkeypatch.setattr("workbench.panels.base.LATE_S", 1e9)
    session.clips = pictures
    panel = RankPanel(session)
    hook(panel, "wb-prompts").value = "re"
    hook(panel, "wb-rank").click()
    hook(panel, "wb-prompts").value = "red"
    assert panel.controller.embed.wait(WAIT_S)
    assert panel.controller.wait(WAIT_S)
    assert session.ranking.prompts == ["red"]


def test_clip_loader__letters_that_come_after_enter_count(session, picture_folder, monkeypatch):
    monkeypatch.setattr("workbench.panels.base.LATE_S", 1e9)
    loader = ClipLoader(session)
    source = hook(loader, "wb-source")
    source.value = str(picture_folder)[:-1]
    source._handle_custom_msg({"event": "submit"}, [])
    source.value = str(picture_folder)
    assert loader.controller.wait(WAIT_S)
    assert len(session.clips) == 4


def test_rank_panel__selection_is_one_for_all(session, pictures):
    session.clips = pictures
    panel, inspector, loader = RankPanel(session), Inspector(session), ClipLoader(session)
    hook(panel, "wb-heatmap").selection = "blue.png"
    assert session.selection == "blue.png"
    assert hook(panel, "wb-results").selection == "blue.png"
    assert hook(loader, "wb-clips").selection == "blue.png"
    assert inspector.controller.wait(WAIT_S)
    assert inspector._player.key == "blue.png"
    assert len(inspector._player.frame_times_s) == 1


def test_rank_panel__a_selection_the_session_refuses_is_shown(session, pictures):
    session.clips = pictures
    panel = RankPanel(session)
    hook(panel, "wb-results").selection = "ghost.png"
    assert session.selection == ""
    assert "ghost.png" in hook(panel, "wb-status").value


def test_rank_panel__rare_options_open_and_stay_while_used(session):
    panel = RankPanel(session)
    box = panel._more_box
    assert box.layout.display == "none"
    hook(panel, "wb-more").value = True
    assert box.layout.display != "none"
    hook(panel, "wb-negatives").value = "blue"
    assert panel.controller.negatives_text == "blue"
    hook(panel, "wb-more").value = False
    assert box.layout.display != "none"


def test_rank_panel__labels_mode(session, pictures):
    session.clips = pictures
    panel = RankPanel(session)
    hook(panel, "wb-prompts").value = "red\nblue"
    hook(panel, "wb-mode").value = MODES[1]
    hook(panel, "wb-rank").click()
    assert panel.controller.embed.wait(WAIT_S)
    assert panel.controller.wait(WAIT_S)
    assert session.classification.labels == ["red", "blue"]
    assert hook(panel, "wb-results").groups[0]["title"] == "red"


@pytest.mark.parametrize("part", [ModelPicker, ClipLoader, EmbedPanel, RankPanel, Inspector])
def test_parts__stand_alone_and_close(part):
    panel = part()
    inner = [widget for widget in every(panel) if widget is not panel]
    panel.close()
    assert panel.comm is None
    assert all(widget.comm is None for widget in inner)
    panel.session.selection = ""
    panel.session.say("ok", "nobody looks any more")


def test_click__a_bug_in_a_controller_is_shown_not_swallowed(session, monkeypatch):
    def broken(_):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("workbench.controllers.clips.ClipController.open_samples", broken)
    panel = ClipLoader(session)
    hook(panel, "wb-samples").click()
    assert "ZeroDivisionError while opening the samples: oops" in hook(panel, "wb-status").value
    assert "Traceback" in hook(panel, "wb-status").value
