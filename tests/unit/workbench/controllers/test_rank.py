from dataclasses import replace

import pytest

from workbench import zeroshot
from workbench.controllers.rank import MODES, RankController

WAIT_S = 30


@pytest.fixture
def ranks(session, pictures):
    session.clips = pictures
    return RankController.of(session)


def settle(ranks):
    """Wait for the embedding and for the ranking that follows it."""
    assert ranks.embed.wait(WAIT_S)
    assert ranks.wait(WAIT_S)


def best(ranks):
    return [group["cards"][0]["key"] for group in ranks.groups]


def test_rank__embeds_first_and_then_ranks(ranks, session):
    ranks.prompts = ["red", "blue"]
    ranks.rank()
    settle(ranks)
    assert best(ranks) == ["red.png", "blue.png"]
    assert session.ranking.prompts == ["red", "blue"]
    assert session.status.text == "Ranked 4 clips for 2 prompts."


def test_rank__without_prompts_says_what_to_type(ranks, session):
    ranks.rank()
    assert session.status.level == "warning"
    assert "no prompt" in session.status.text
    assert "one a line" in session.status.next_step


def test_rank__follows_new_vectors_when_prompts_are_there(ranks):
    ranks.prompts = ["green"]
    ranks.embed.start()
    settle(ranks)
    assert best(ranks) == ["green.png"]


def test_rank__new_vectors_without_prompts_rank_nothing(ranks, session):
    ranks.embed.start()
    settle(ranks)
    assert session.ranking is None
    assert "Type prompts" in ranks.hint


def test_rank__names_words_the_model_does_not_know(ranks, session):
    ranks.prompts = ["red", "giraffe"]
    ranks.rank()
    settle(ranks)
    assert ranks.unknown == {"giraffe": ["giraffe"]}
    assert session.status.text == "The model does not know: 'giraffe'."
    assert [group["note"] for group in ranks.groups] == ["", "the model does not know: 'giraffe'"]


def test_rank__negatives_and_templates_count(ranks, session):
    ranks.prompts = ["yellow"]
    ranks.rank()
    settle(ranks)
    assert ranks.groups[0]["cards"][-1]["key"] == "blue.png"
    ranks.negatives_text = "red"
    assert ranks.stale
    ranks.rank()
    settle(ranks)
    assert not ranks.stale
    assert ranks.groups[0]["cards"][-1]["key"] == "red.png"
    assert session.ranking.negatives == ["red"]
    ranks.templates_text = "a video of {}"
    ranks.rank()
    settle(ranks)
    assert session.ranking.templates == ["a video of {}"]


def test_rank__a_wrong_template_is_shown(ranks, session):
    ranks.prompts, ranks.templates_text = ["red"], "no place for it"
    ranks.rank()
    settle(ranks)
    assert session.status.level == "error"
    assert "{}" in session.status.text + session.status.next_step
    assert not ranks.busy


def test_mode__labels_for_each_clip(ranks, session):
    ranks.prompts = ["red", "blue"]
    ranks.rank()
    settle(ranks)
    ranks.mode = MODES[1]
    settle(ranks)
    assert [group["title"] for group in ranks.groups] == ["red", "blue"]
    assert ranks.groups[1]["cards"][0]["key"] == "blue.png"
    assert ranks.groups[1]["cards"][0]["score_text"].endswith(" %")
    assert ranks.heat["rows"] == ["red", "blue"]
    assert len(ranks.heat["columns"]) == 4
    ranks.mode = MODES[0]
    assert best(ranks) == ["red.png", "blue.png"]


def test_top_k__lays_out_again_without_ranking(ranks, session):
    ranks.prompts = ["red"]
    ranks.rank()
    settle(ranks)
    before = session.ranking
    ranks.top_k = 2
    assert len(ranks.groups[0]["cards"]) == 2
    assert session.ranking is before


def test_clips__replacing_them_clears_the_cards(ranks, session, pictures):
    ranks.prompts = ["red"]
    ranks.rank()
    settle(ranks)
    session.clips = pictures[:1]
    assert ranks.groups == ()
    assert ranks.heat["scores"] == []


def test_offer__fills_an_empty_box_and_never_touches_what_was_typed(ranks):
    ranks.offer(["red"])
    assert ranks.prompts == ["red"]
    ranks.offer([])
    assert ranks.prompts == []
    ranks.prompts_text = "mine"
    ranks.offer(["red"])
    assert ranks.prompts == ["mine"]


def test_prompts__are_lines_without_blanks_and_doubles(ranks):
    ranks.prompts_text = " red \n\nblue\nred\n"
    assert ranks.prompts == ["red", "blue"]


def test_rank__clips_replaced_meanwhile_leave_no_result(ranks, session, pictures, monkeypatch):
    ranks.prompts = ["red"]
    ranks.rank()
    settle(ranks)
    score = zeroshot.rank

    def replaced(*args, **options):
        session.clips = pictures[:1]
        return score(*args, **options)

    monkeypatch.setattr(zeroshot, "rank", replaced)
    ranks.rank()
    settle(ranks)
    assert session.ranking is None
    assert session.status.level != "error"


def test_rank__another_model_chosen_meanwhile_ranks_for_that_one(ranks, session, gated_model, monkeypatch):
    gated_model.gate.set()
    ranks.prompts = ["red"]
    ranks.rank()
    settle(ranks)
    load = ranks.models.load

    def load_and_lose():
        found = load()
        monkeypatch.setattr(ranks.models, "load", load)
        session.model_id = "fake-gated"
        return found

    monkeypatch.setattr(ranks.models, "load", load_and_lose)
    ranks.rank()
    assert ranks.wait(WAIT_S)
    settle(ranks)
    assert session.ranking.space.model_id == "fake-gated"


def test_choice__of_another_model_says_whose_result_is_shown(ranks, session, gated_model):
    ranks.prompts = ["red"]
    ranks.rank()
    settle(ranks)
    assert "subtitle" not in ranks.groups[0]
    session.model_id = "fake-gated"
    assert ranks.groups[0]["subtitle"] == "ranked with fake-color"
    assert ranks.stale
    session.model_id = "fake-color"
    assert "subtitle" not in ranks.groups[0]


def test_rank__what_a_stopped_run_left_is_counted(ranks, session):
    ranks.prompts = ["red"]
    ranks.embed.start()
    settle(ranks)
    session.embeddings = replace(session.embeddings[["red.png", "blue.png"]], stopped=True)
    assert ranks.wait(WAIT_S)
    assert session.status.text.startswith("Stopped: 2 of 4 clips are embedded")
    assert "go on" in session.status.next_step
