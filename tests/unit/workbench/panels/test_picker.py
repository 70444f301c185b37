"""The model picker: filters, card, download, why not, and the model to compare with."""

import pytest

from models.errors import NoModelPackagesAvailableError
from models.packaging.hub_errors import GatedModelError
from models.registry import register_model, unregister_model
from tests.fakes import MeanColorModel
from tests.unit.workbench.controllers.fake_downloads import MODEL_ID, WAIT_S, FakeHub, far_card
from tests.unit.workbench.panels.test_panels import hook
from workbench.panels.model_picker import ModelPicker
from workbench.session import Session

COMMIT = "0123456789abcdef0123456789abcdef01234567"
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
def hub(monkeypatch):
    return FakeHub(
        monkeypatch, far_card(description=EVIL, revision="0123456789abcdef0123456789abcdef01234567")
    )


@pytest.fixture
def far(hub):
    """A picker in which the model of the hub is chosen."""
    picker = ModelPicker(Session(model_id=MODEL_ID))
    yield picker
    picker.close()
    picker.session.close()


def shown(widget):
    return widget.layout.display != "none"


def test_filters__narrow_the_list_down(session):
    picker = ModelPicker(session)
    models = hook(picker, "wb-model")
    hook(picker, "wb-modality").value = "video"
    assert "workbench/spriteclip-tiny" in models.options
    hook(picker, "wb-licence").value = "Apache-2.0"
    assert set(models.options) >= {"workbench/spriteclip-tiny", "fake-color"}
    assert "models" in hook(picker, "wb-model-count").value
    hook(picker, "wb-modality").value = ""
    hook(picker, "wb-licence").value = ""
    assert hook(picker, "wb-model-count").value == ""


def test_filters__installed_or_not(far):
    models = hook(far, "wb-model")
    hook(far, "wb-installed").value = "yes"
    assert "workbench/spriteclip-tiny" in models.options
    hook(far, "wb-installed").value = "no"
    assert MODEL_ID in models.options
    assert "workbench/spriteclip-tiny" not in models.options


def test_filters__what_python_asks_for_is_shown(session):
    picker = ModelPicker(session)
    picker.controller.modality = "video"
    assert hook(picker, "wb-modality").value == "video"


def test_card__of_a_model_that_is_not_here(far):
    card = hook(far, "wb-model-card").value
    for part in ("MIT", "4.0 MB", COMMIT, "hub", "4 dimensions"):
        assert part in card
    assert "no: 4.0 MB to download" in card
    assert "not downloaded" in hook(far, "wb-model-state").value
    assert EVIL not in card
    assert "&lt;img" in card


def test_card__gated_and_not_pinned(monkeypatch):
    FakeHub(monkeypatch, far_card(gated=True))
    picker = ModelPicker(Session(model_id=MODEL_ID))
    assert "not pinned" in hook(picker, "wb-model-card").value
    assert f"accept its terms at huggingface.co/{MODEL_ID}" in hook(picker, "wb-model-state").value
    picker.close()


def test_download__button_progress_and_then_load(hub, far):
    assert hook(far, "wb-download").description == "Download 4.0 MB"
    assert not shown(hook(far, "wb-download-job"))
    hook(far, "wb-download").click()
    assert hub.waiting.wait(WAIT_S)
    assert not shown(hook(far, "wb-download"))
    assert shown(hook(far, "wb-download-job"))
    assert "0 of 4.0 MB" in hook(far, "wb-download-progress").value
    hub.give()
    assert far.controller.downloads.wait(WAIT_S)
    assert not shown(hook(far, "wb-download"))
    assert not shown(hook(far, "wb-download-job"))
    assert not hook(far, "wb-load-model").disabled
    assert "not loaded" in hook(far, "wb-model-state").value


def test_download__stop_and_go_on(hub, far):
    hook(far, "wb-download").click()
    assert hub.waiting.wait(WAIT_S)
    hook(far, "wb-stop-download").click()
    assert far.controller.downloads.wait(WAIT_S)
    assert hook(far, "wb-download").description == "Go on with the download"
    assert "stopped" in hook(far, "wb-download-progress").value
    assert "what came is kept" in hook(far, "wb-status").value


def test_download__an_error_stays_with_its_next_step(hub, far):
    hub.error = GatedModelError(f"Kept back: {EVIL}.", next_step="Accept its terms, then: hf auth login")
    hook(far, "wb-download").click()
    hub.give(1)
    assert far.controller.downloads.wait(WAIT_S)
    problem = hook(far, "wb-download-problem").value
    assert "hf auth login" in problem
    assert EVIL not in problem
    assert shown(hook(far, "wb-download"))


def test_download__offline_opens_nothing_and_names_the_command(session, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("EMBEDDING_WORKBENCH_MODELS", str(tmp_path))
    session.model_id = "openai/clip-vit-base-patch32"
    picker = ModelPicker(session)
    assert hook(picker, "wb-download").description == "Download 605.1 MB"
    hook(picker, "wb-download").click()
    assert picker.controller.downloads.wait(WAIT_S)
    problem = hook(picker, "wb-download-problem").value
    assert "HF_HUB_OFFLINE" in problem
    assert "workbench models download" in problem
    picker.close()


def test_download__of_another_model_is_named_while_it_runs(hub, far):
    hook(far, "wb-download").click()
    assert hub.waiting.wait(WAIT_S)
    hook(far, "wb-model").value = "workbench/spriteclip-tiny"
    assert not shown(hook(far, "wb-download"))
    assert hook(far, "wb-download-progress").value.count(MODEL_ID) == 1
    far.controller.downloads.stop()
    assert far.controller.downloads.wait(WAIT_S)
    assert not shown(hook(far, "wb-download-progress"))


def test_why_not__reasons_are_open_and_the_verdict_is_said(session, monkeypatch):
    register_model("fake-fussy", "embedding", "custom", MeanColorModel)
    reason = "Device 'tpu' is not on this machine; it has cpu."
    problem = NoModelPackagesAvailableError("Nothing fits.", next_step="Drop a demand.")
    try:
        picker = ModelPicker(session)
        session.model_id = "fake-fussy"
        picker.controller.warm_up().result(WAIT_S)
        description = picker.controller.description
        candidate = type(description.candidates[0])("pack", "custom", "Fussy", False, (reason,), ("device",))
        picker.controller.description = type(description)(
            description.card, (candidate,), None, description.runtime, str(problem)
        )
    finally:
        unregister_model("fake-fussy", "embedding", "custom")
    assert "Cannot run here: Device" in hook(picker, "wb-model-state").value
    card = hook(picker, "wb-model-card").value
    assert "turned down" in card
    assert "it has cpu." in card
    assert "<summary>Why it cannot run here" in card


def test_loaded__green_check_backend_and_where_from(session):
    session.model_id = "workbench/spriteclip-tiny"
    picker = ModelPicker(session)
    picker.controller.warm_up().result(WAIT_S)
    hook(picker, "wb-load-model").click()
    assert picker.controller.wait(WAIT_S)
    assert "✓</span> known answers verified" in hook(picker, "wb-model-state").value
    card = hook(picker, "wb-model-card").value
    assert "families/spriteclip/weights" in card
    assert "verified: it gives the recorded vectors" in card
    assert "torch" in card


def test_registered__a_model_that_gives_no_vectors_is_shown_as_what_it_is(session):
    class Boxes:
        """Draws boxes."""

        def setup(self):
            pass

    register_model("fake-boxes", "object-detection", "custom", Boxes)
    try:
        picker = ModelPicker(session)
        hook(picker, "wb-model").value = "fake-boxes"
        state = hook(picker, "wb-model-state").value
        assert "object-detection" in state
        assert "gives no vectors" in state
        assert "fake-boxes" not in [value for _, value in hook(picker, "wb-compare").options]
        assert "frame" not in hook(picker, "wb-model-card").value
    finally:
        unregister_model("fake-boxes", "object-detection", "custom")


def test_compare__choose_and_end(session):
    register_model("fake-second", "embedding", "custom", MeanColorModel)
    try:
        picker = ModelPicker(session)
        choice = hook(picker, "wb-compare")
        assert choice.options[0] == ("Compare with …", "")
        assert "fake-color" not in [value for _, value in choice.options]
        choice.value = "fake-second"
        assert session.compare_with == "fake-second"
        assert "not loaded" in hook(picker, "wb-compare-state").value
        assert choice.options[0] == ("No comparison", "")
        session.compare_with = ""
        assert choice.value == ""
        assert not shown(hook(picker, "wb-compare-state"))
    finally:
        unregister_model("fake-second", "embedding", "custom")
