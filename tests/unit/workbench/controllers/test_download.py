import pytest

from models.errors import InvalidParameterError
from models.packaging.hub_errors import DownloadStoppedError, GatedModelError, OfflineError
from tests.unit.workbench.controllers.fake_downloads import (
    MODEL_ID,
    TOTAL,
    WAIT_S,
    FakeHub,
    Progress,
    far_card,
)
from workbench.controllers.download import DownloadController, progress_words
from workbench.controllers.embed import EmbedController
from workbench.controllers.models import ModelController
from workbench.session import Session


@pytest.fixture
def hub(monkeypatch):
    return FakeHub(monkeypatch, far_card())


@pytest.fixture
def far(hub):
    """A session in which the model of the hub is chosen."""
    made = Session(model_id=MODEL_ID)
    yield made
    made.close()


def test_progress_words__amount_pace_time_left_and_file():
    words = progress_words(Progress("me/m", 120_400_000, 605_100_000, "model.safetensors"), 12_400_000)
    assert words == "120.4 MB of 605.1 MB · 12.4 MB/s · 39 s left · model.safetensors"


def test_progress_words__before_the_pace_is_known():
    assert progress_words(Progress("me/m", 0, 605_100_000, ""), 0.0) == "0 of 605.1 MB"


def test_start__brings_the_package_and_lists_it_as_installed(hub, far):
    models = ModelController.of(far)
    assert models.needs_download()
    assert models.download_words() == "Download 4.0 MB"
    assert "not downloaded" in models.summary()
    states = []
    models.downloads.observe(lambda change: states.append(change.new), "state")
    future = models.download()
    hub.give()
    assert future.result(WAIT_S) == "the package"
    assert models.downloads.wait(WAIT_S)
    assert states == ["running", "done"]
    assert (models.downloads.fraction, models.downloads.text) == (1.0, "4.0 MB of 4.0 MB")
    assert not models.needs_download()
    assert (far.status.level, far.status.next_step) == ("ok", "Press Load.")


def test_start__twice_is_one_download(hub, far):
    downloads = DownloadController.of(far)
    assert downloads.start(MODEL_ID) is downloads.start(MODEL_ID)
    hub.give()
    assert downloads.wait(WAIT_S)
    assert hub.calls == 1


def test_start__another_model_meanwhile_is_refused(hub, far):
    downloads = DownloadController.of(far)
    downloads.start(MODEL_ID)
    with pytest.raises(InvalidParameterError, match="one model at a time"):
        downloads.start("me/other")
    downloads.stop()
    assert downloads.wait(WAIT_S)


def test_stop__keeps_what_came_and_the_next_goes_on(hub, far):
    downloads = DownloadController.of(far)
    downloads.start(MODEL_ID)
    hub.give(1)
    assert hub.reached(TOTAL // 4)
    downloads.stop()
    assert downloads.wait(WAIT_S)
    assert downloads.state == "stopped"
    assert downloads.text.startswith("stopped at")
    assert (far.status.level, far.status.next_step) == ("warning", "Press Download to go on from there.")
    assert ModelController.of(far).download_words() == "Go on with the download"
    assert downloads.problem is None
    downloads.start(MODEL_ID)
    hub.give(3)
    assert downloads.wait(WAIT_S)
    assert downloads.state == "done"


def test_stop__without_a_download_does_nothing(far):
    before = far.status
    DownloadController.of(far).stop()
    assert far.status is before


@pytest.mark.parametrize(
    "error",
    [
        GatedModelError("The hub keeps me/far-away back.", next_step="Accept its terms."),
        OfflineError("The network may not be used.", next_step="Unset HF_HUB_OFFLINE."),
        OSError("Input/output error"),
    ],
)
def test_start__an_error_is_kept_with_its_next_step(hub, far, error):
    hub.error = error
    downloads = DownloadController.of(far)
    downloads.start(MODEL_ID)
    hub.give(1)
    assert downloads.wait(WAIT_S)
    assert downloads.state == "failed"
    assert str(error.args[0]) in downloads.problem.text
    assert downloads.problem.next_step
    assert far.status.text == downloads.problem.text
    assert not downloads.busy


def test_load__downloads_first(hub, far, monkeypatch):
    loaded = []
    monkeypatch.setattr(
        "models.auto.AutoModel.from_pretrained", lambda name, **_: loaded.append(name) or object()
    )
    models = ModelController.of(far)
    future = models.load()
    assert hub.waiting.wait(WAIT_S)
    assert loaded == []
    hub.give()
    future.result(WAIT_S)
    assert loaded == [MODEL_ID]
    assert models.load_state == "ready"


def test_load__stop_of_the_download_is_no_failure(hub, far):
    models = ModelController.of(far)
    future = models.load()
    assert hub.waiting.wait(WAIT_S)
    models.downloads.stop()
    assert isinstance(future.exception(WAIT_S), DownloadStoppedError)
    assert models.wait(WAIT_S)
    assert models.load_state == "not loaded"
    assert far.status.level == "warning"


def test_load__another_choice_does_not_wait_for_the_download(hub, far, color_model):
    models = ModelController.of(far)
    future = models.load()
    assert hub.waiting.wait(WAIT_S)
    models.choose(color_model)
    assert future.result(WAIT_S).model_id == color_model
    assert models.downloads.state == "running"
    models.downloads.stop()
    assert models.downloads.wait(WAIT_S)


def test_embed__stop_ends_the_download_it_waits_for(hub, far, pictures):
    far.clips = pictures
    embed = EmbedController.of(far)
    embed.start()
    assert hub.waiting.wait(WAIT_S)
    embed.stop()
    assert embed.wait(WAIT_S)
    assert embed.models.downloads.wait(WAIT_S)
    assert embed.models.downloads.state == "stopped"
    assert embed.progress_text == "stopped"


def test_of__a_session_and_the_one_it_is_compared_with_share_one(far):
    other = Session(model_id="me/other")
    other.parent = far
    assert DownloadController.of(other) is DownloadController.of(far)
