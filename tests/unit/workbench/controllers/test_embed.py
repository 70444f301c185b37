import threading

import pytest

from workbench.controllers.embed import EmbedController
from workbench.errors import InvalidParameterError, NothingToEmbedError
from workbench.session import Session

GATE_S = 30


@pytest.fixture
def embed(session):
    return EmbedController.of(session)


@pytest.fixture
def gated(gated_model, many_pictures):
    session = Session(model_id="fake-gated", clips=many_pictures)
    yield EmbedController.of(session)
    gated_model.gate.set()
    session.close()


def test_plan_text__follows_clips(embed, session, pictures):
    assert embed.plan_text == "No clips yet"
    session.clips = pictures
    assert embed.plan_text == "4 images"


def test_plan_text__counts_what_is_there_already(embed, session, pictures):
    session.clips = pictures[:3]
    embed.start().result(GATE_S)
    session.clips = pictures
    assert embed.plan_text == "4 images (3 already embedded)"


def test_start__loads_the_model_and_embeds(embed, session, pictures):
    session.clips = pictures
    result = embed.start().result(GATE_S)
    assert session.embeddings is result
    assert result.keys == pictures.keys
    assert session.model is not None
    assert embed.fraction == 1.0
    assert not embed.busy
    assert embed.bar_style() == "success"
    assert session.status.text == "4 clips are embedded."


def test_start__without_clips_is_an_error_with_a_next_step(embed, session):
    future = embed.start()
    assert embed.wait(GATE_S)
    assert isinstance(future.exception(), NothingToEmbedError)
    assert session.status.level == "error"
    assert "press Samples" in session.status.next_step


def test_start__without_a_model_is_an_error(pictures):
    session = Session(clips=pictures)
    embed = EmbedController.of(session)
    assert isinstance(embed.start().exception(GATE_S), InvalidParameterError)
    assert embed.wait(GATE_S)
    assert "No model is chosen" in session.status.text
    session.close()


def test_start__a_broken_file_is_listed_and_the_rest_is_embedded(embed, session, pictures):
    session.clips = pictures
    pictures["green.png"].path.write_bytes(b"no longer a picture")
    result = embed.start().result(GATE_S)
    assert [skip.key for skip in embed.skipped] == ["green.png"]
    assert len(result) == 3
    assert session.status.level == "warning"
    assert "1 could not be" in session.status.text


def test_start__twice_is_one_job(gated, gated_model):
    first = gated.start()
    assert gated_model.waiting.wait(GATE_S)
    assert gated.start() is first
    gated_model.gate.set()
    assert len(first.result(GATE_S)) == 200


def test_stop__keeps_what_is_done_and_the_next_run_goes_on(gated, gated_model):
    session = gated.session
    future = gated.start()
    assert gated_model.waiting.wait(GATE_S)
    gated.stop()
    assert gated.stopping
    part = future.result(GATE_S)
    assert part.stopped
    assert 0 < len(part) < 200
    assert session.embeddings is part
    assert "kept" in session.status.text
    assert session.status.next_step == "Press Embed to go on from there."
    gated_model.gate.set()
    whole = gated.start().result(GATE_S)
    assert len(whole) == 200
    assert whole.stats.reused >= len(part)


def test_stop__while_the_model_loads_ends_at_once(embed, session, pictures, monkeypatch):
    go = threading.Event()
    real = embed.models._load
    monkeypatch.setattr(embed.models, "_load", lambda: (go.wait(GATE_S), real())[1])
    session.clips = pictures
    future = embed.start()
    embed.stop()
    assert future.result(GATE_S) is None
    assert session.status.text == "Stopped before the first clip."
    go.set()
    embed.models.wait(GATE_S)


def test_stop__without_a_job_changes_nothing(embed, session):
    before = session.status
    embed.stop()
    assert session.status is before
    assert not embed.stopping


def test_start__clips_replaced_meanwhile_are_not_mixed_up(gated, gated_model, pictures):
    future = gated.start()
    assert gated_model.waiting.wait(GATE_S)
    gated.session.clips = pictures
    gated_model.gate.set()
    future.result(GATE_S)
    assert gated.session.embeddings is None
    assert "Other clips were opened" in gated.session.status.text


def test_start__a_bug_in_the_model_is_shown_with_its_trace(embed, session, pictures, monkeypatch):
    session.clips = pictures
    model = embed.models.load().result(GATE_S)

    def broken(_images):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(model, "embed_images", broken)
    embed.start()
    assert embed.wait(GATE_S)
    assert session.status.text == "ZeroDivisionError while embedding the clips: oops"
    assert "broken" in session.status.trace


def test_needs_embedding__for_new_clips_and_other_models(embed, session, pictures, gated_model):
    session.clips = pictures[:3]
    assert embed.needs_embedding()
    embed.start().result(GATE_S)
    assert not embed.needs_embedding()
    session.clips = pictures
    assert embed.needs_embedding()
    embed.start().result(GATE_S)
    session.model_id = "fake-gated"
    assert embed.needs_embedding()


def test_start__waits_for_clips_that_are_being_read(embed, session, picture_folder, monkeypatch):
    from workbench.controllers.clips import ClipController
    from workbench.media import sources

    go, real = threading.Event(), sources.load_clips

    def slow(*args, **options):
        go.wait(GATE_S)
        return real(*args, **options)

    monkeypatch.setattr(sources, "load_clips", slow)
    loader = ClipController.of(session)
    loader.open(str(picture_folder))
    future = embed.start()
    assert not future.done()
    go.set()
    assert len(future.result(GATE_S)) == 4


def test_start__another_model_chosen_meanwhile(embed, session, pictures, gated_model, monkeypatch):
    gated_model.gate.set()
    session.clips = pictures
    first = embed.models.load().result(GATE_S)
    load = embed.models.load

    def load_and_lose():
        found = load()
        monkeypatch.setattr(embed.models, "load", load)
        session.model_id = "fake-gated"  # lets the loaded model go, before the job could hold it
        return found

    monkeypatch.setattr(embed.models, "load", load_and_lose)
    result = embed.start().result(GATE_S)
    assert session.model is not first
    assert result.space.model_id == session.embeddings.space.model_id == "fake-gated"


def test_start__a_model_without_vectors_says_what_to_choose(embed, session, pictures):
    session.clips = pictures
    session.model = object()
    embed.start()
    assert embed.wait(GATE_S)
    assert session.status.level == "error"
    assert "choose" in session.status.next_step
    assert embed.progress_text == ""


def test_choice__of_another_model_empties_the_bar(embed, session, pictures, gated_model):
    session.clips = pictures
    embed.start().result(GATE_S)
    assert embed.wait(GATE_S)
    assert embed.fraction == 1.0
    session.model_id = "fake-gated"
    assert embed.fraction == 0.0
    assert embed.progress_text == ""


def test_describe_end__says_pace_and_split():

    from workbench.controllers.embed import describe_end
    from workbench.engine.records import EmbedStats

    class Vectors(list):
        stats = EmbedStats(clips=1, reused=2, seconds=2.0, decode_s=1.0, model_s=1.0)

    assert describe_end(Vectors("abc"), stopped=True) == (
        "stopped · 3 clips in 2.0 s · 2 reused · 0.5 clips/s · decode 50 % · model 50 %"
    )
