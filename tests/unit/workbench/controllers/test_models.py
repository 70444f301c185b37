import threading

import pytest

from models.errors import CorruptedModelPackageError
from models.registry import register_model, unregister_model
from tests.fakes import MeanColorModel, MotionModel
from workbench.controllers.embed import EmbedController
from workbench.controllers.models import ModelController
from workbench.session import Session


@pytest.fixture
def models(session):
    return ModelController.of(session)


def ids(models):
    return [card.model_id for card in models.cards]


def test_of__is_shared_by_the_parts_of_a_session(session, models):
    assert ModelController.of(session) is models


def test_filter_text__keeps_what_has_every_word_and_the_chosen_model(models):
    models.filter_text = "SPRITECLIP bundled"
    assert ids(models) == ["workbench/spriteclip-tiny", "fake-color"]
    models.filter_text = "no such thing"
    assert ids(models) == ["fake-color"]
    models.filter_text = ""
    assert len(ids(models)) >= 2


def test_refresh__a_model_registered_in_a_cell_appears_and_goes(models):
    register_model("fake-late", "embedding", "custom", MotionModel)
    try:
        assert "fake-late" in ids(models)
    finally:
        unregister_model("fake-late", "embedding", "custom")
    assert "fake-late" not in ids(models)


def test_close__no_longer_listens_to_the_registry(models):
    models.close()
    before = ids(models)
    register_model("fake-late", "embedding", "custom", MotionModel)
    unregister_model("fake-late", "embedding", "custom")
    assert ids(models) == before


def test_choose_default__takes_the_bundled_model_unless_one_is_chosen(models):
    models.choose_default()
    assert models.session.model_id == "fake-color"
    fresh = Session()
    ModelController.of(fresh).choose_default()
    assert fresh.model_id == "workbench/spriteclip-tiny"
    fresh.close()


def test_load__gives_the_model_and_says_so(session, models):
    states = []
    models.observe(lambda change: states.append(change.new), "load_state")
    model = models.load().result(30)
    assert session.model is model
    assert states == ["loading", "ready"]
    assert session.status.level == "ok"
    assert "fake-color is ready on cpu" in session.status.text
    assert models.load().result() is model


def test_load__twice_at_once_loads_once(models):
    first, second = models.load(), models.load()
    assert first.result(30) is second.result(30)


def test_load__a_failure_shows_on_card_and_status(session, models, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise CorruptedModelPackageError("Half a package.", next_step="Fetch it again.")

    monkeypatch.setattr("models.auto.AutoModel.from_pretrained", refuse)
    models.load()
    assert models.wait(30)
    assert models.load_state == "failed"
    assert (session.status.level, session.status.next_step) == ("error", "Fetch it again.")
    assert models.summary().endswith("failed")
    assert not models.busy


def test_load__a_choice_made_while_loading_wins(session, models, monkeypatch):
    asked, go = [], threading.Event()

    def slow(model_id, **_kwargs):
        asked.append(model_id)
        if len(asked) == 1:
            go.wait(30)
        model = MeanColorModel()
        model.model_id = model_id
        return model

    monkeypatch.setattr("models.auto.AutoModel.from_pretrained", slow)
    future = models.load()
    models.choose("workbench/spriteclip-tiny")
    go.set()
    assert future.result(30).model_id == "workbench/spriteclip-tiny"
    assert asked == ["fake-color", "workbench/spriteclip-tiny"]
    assert session.model.model_id == "workbench/spriteclip-tiny"


def test_choose__lets_the_loaded_model_go(session, models):
    models.load().result(30)
    models.choose("workbench/spriteclip-tiny")
    assert session.model is None
    assert models.load_state == "not loaded"


def test_device__another_one_means_loading_again(session, models):
    models.load().result(30)
    models.device = "cpu"
    assert session.model is None
    assert models.load_state == "not loaded"


def test_use__takes_a_model_that_is_in_no_list(session, models):
    mine = MotionModel()
    models.use(mine)
    assert session.model is mine
    assert session.model_id == "fakes/motion"
    assert models.load_state == "ready"
    assert ("vectors", "6 dimensions") in models.card_rows()
    assert models.summary() == "6 dims · 4 frames · ready on cpu"


def test_warm_up__describes_the_model_and_lists_devices(models):
    models.warm_up().result(60)
    assert models.description.card.model_id == "fake-color"
    assert ("installed", "yes") in models.card_rows()
    assert models.considered_rows()[0][1] == "taken"
    assert models.devices[0] == ("auto", "auto")
    assert models.devices[-1] == ("cpu", "cpu")


def test_warm_up__an_unknown_id_is_told_at_once(session, models):
    models.choose("no/such-model")
    models.warm_up()
    assert models._describing.exception(60) is not None
    assert session.status.level == "error"
    assert "no/such-model" in session.status.text


def test_warm_up__a_model_made_in_a_cell_is_not_looked_up(session, models):
    models.use(MotionModel())
    models.warm_up().result(60)
    assert models.description is None
    assert session.status.level != "error"


@pytest.fixture
def counted(monkeypatch):
    """How often the colour model was unloaded."""
    unloaded = []
    monkeypatch.setattr(MeanColorModel, "unload", lambda self: unloaded.append(self))  # noqa: PLW0108 - a method
    return unloaded


def test_choose__unloads_the_model_that_was_loaded_here(session, models, counted):
    model = models.load().result(30)
    models.choose("workbench/spriteclip-tiny")
    assert counted == [model]


def test_choose__leaves_a_model_made_in_a_cell_alone(session, models, counted):
    models.use(MeanColorModel())
    models.choose("workbench/spriteclip-tiny")
    assert counted == []


def test_close__unloads_what_was_loaded_here(models, counted):
    model = models.load().result(30)
    models.close()
    models.close()
    assert counted == [model]


def test_choose__a_job_in_progress_ends_before_its_model_is_unloaded(gated_model, many_pictures, monkeypatch):
    at_work, unloaded = [], threading.Event()
    session = Session(model_id="fake-gated", clips=many_pictures)
    embed = EmbedController.of(session)

    def unload(_):
        at_work.append(embed._job is not None)
        unloaded.set()

    monkeypatch.setattr(gated_model, "unload", unload)
    embed.start()
    assert gated_model.waiting.wait(30)
    embed.models.choose("workbench/spriteclip-tiny")
    assert not unloaded.is_set()
    gated_model.gate.set()
    assert embed.wait(30)
    assert unloaded.wait(30)
    assert at_work == [False]
    session.close()


def test_summary__says_what_runs_the_model_and_the_card_where_it_came_from(session, models):
    models.choose("workbench/spriteclip-tiny")
    models.load().result(60)
    assert models.summary().endswith("ready on cpu with torch")
    rows = dict(models.card_rows())
    assert rows["backend"] == "torch"
    assert rows["loaded from"].endswith("weights")
    assert rows["known answers"].startswith("verified")
    assert models.verified_text() == f"known answers verified ({len(session.model.known_answers)})"


def test_card_rows__of_a_registered_class_name_it(models):
    models.load().result(30)
    assert dict(models.card_rows())["loaded from"] == "the registered class MeanColorModel"
    assert models.verified_text() == ""
