import pytest

from models.errors import InvalidParameterError
from models.registry import register_model, unregister_model
from tests.fakes import MeanColorModel
from tests.unit.workbench.controllers.fake_downloads import MODEL_ID, FakeHub, far_card
from workbench.controllers.compare import CompareController
from workbench.controllers.embed import EmbedController
from workbench.controllers.jobs import JobsController
from workbench.controllers.models import ModelController
from workbench.controllers.rank import MODES, RankController
from workbench.session import Session

WAIT_S = 30


class ContraryModel(MeanColorModel):
    """Knows the colours and takes red for blue; its scores are sigmoid ones."""

    model_id = "fakes/contrary"
    score_kind = "sigmoid"
    logit_scale = 10.0
    logit_bias = -5.0
    unloaded = 0

    def embed_text(self, texts):
        swap = {"red": "blue", "blue": "red"}
        texts = [texts] if isinstance(texts, str) else texts
        return super().embed_text([" ".join(swap.get(w, w) for w in text.split()) for text in texts])

    def unload(self):
        type(self).unloaded += 1
        super().unload()


@pytest.fixture
def contrary():
    """The id of a second model."""
    ContraryModel.unloaded = 0
    register_model("fake-contrary", "embedding", "custom", ContraryModel)
    yield "fake-contrary"
    unregister_model("fake-contrary", "embedding", "custom")


@pytest.fixture
def compare(session, pictures, contrary):
    session.clips = pictures
    return CompareController.of(session)


def settle(compare):
    """Wait for what the first model does, and then for what the second one does."""
    for lane in (compare.session, compare.session.compared):
        if lane is not None:
            assert EmbedController.of(lane).wait(WAIT_S)
            assert RankController.of(lane).wait(WAIT_S)


def rank(compare, *prompts):
    compare.ranks.prompts = list(prompts)
    compare.ranks.rank()
    settle(compare)


def keys(groups):
    return [[card["key"] for card in group["cards"]] for group in groups]


def test_options__are_the_other_embedding_models(compare, contrary):
    assert contrary in compare.options
    assert compare.session.model_id not in compare.options


def test_compare_with__both_rankings_of_the_same_clips(compare, session, contrary):
    session.compare_with = contrary
    rank(compare, "red", "green")
    assert compare.columns == 2
    assert [(group["title"], group["subtitle"]) for group in compare.groups] == [
        ("red", "fake-color"),
        ("red", contrary),
        ("green", "fake-color"),
        ("green", contrary),
    ]
    assert [group[0] for group in keys(compare.groups)] == ["red.png", "blue.png", "green.png", "green.png"]
    assert list(session.rankings) == ["fake-color", contrary]
    assert session.rankings[contrary].top(1)[0][0][0] == "blue.png"
    assert session.rankings["fake-color"].top(1)[0][0][0] == "red.png"


def test_compare_with__cards_say_how_their_place_differs(compare, session, contrary):
    session.compare_with = contrary
    rank(compare, "red")
    mine, theirs = compare.groups
    for group, other in ((mine, theirs), (theirs, mine)):
        places = {card["key"]: card["rank"] for card in other["cards"]}
        for card in group["cards"]:
            difference = places[card["key"]] - card["rank"]
            sign = "▲" if difference > 0 else "▼"
            assert card["change"] == (f"{sign}{abs(difference)}" if difference else "=")
    assert {card["change_kind"] for card in mine["cards"]} >= {"up", "down"}


def test_compare_with__chosen_after_ranking_asks_the_same(compare, session, contrary):
    compare.ranks.templates_text, compare.ranks.negatives_text = "a {} thing", "green"
    rank(compare, "red")
    session.compare_with = contrary
    settle(compare)
    other = session.compared.ranking
    assert (other.prompts, other.templates, other.negatives) == (["red"], ["a {} thing"], ["green"])
    assert compare.columns == 2
    assert compare.heat["rows"] == ["red"]


def test_compare_with__vectors_are_never_mixed(compare, session, contrary):
    session.compare_with = contrary
    rank(compare, "red")
    first, second = session.embeddings, session.compared.embeddings
    assert first.space != second.space
    assert session.ranking.space == first.space
    assert session.compared.ranking.space == second.space


def test_compare_with__without_prompts_the_second_one_embeds_too(compare, session, contrary):
    session.compare_with = contrary
    assert session.compared.embeddings is None
    EmbedController.of(session).start()
    settle(compare)
    assert session.compared.embeddings.keys == session.embeddings.keys
    assert compare.groups == ()
    assert "ready on cpu" in compare.state_text


def test_compare_with__labels_keep_each_models_kind_of_score(compare, session, contrary):
    session.compare_with = contrary
    compare.ranks.mode = MODES[1]
    rank(compare, "red", "green")
    assert session.classification.kind == "softmax"
    assert session.compared.classification.kind == "sigmoid"
    assert [group["detail"] for group in compare.groups[:2]] == ["softmax", "sigmoid"]
    compare.ranks.mode = MODES[0]
    settle(compare)
    assert [group["detail"] for group in compare.groups[:2]] == ["cosine", "cosine"]


def test_compare_with__nothing_lets_the_second_model_go(compare, session, contrary):
    session.compare_with = contrary
    rank(compare, "red")
    assert ContraryModel.unloaded == 0
    other = session.compared
    session.compare_with = ""
    assert session.compared is None
    assert other.model is None
    assert ContraryModel.unloaded == 1
    assert compare.columns == 1
    assert [group["title"] for group in compare.groups] == ["red"]
    assert "subtitle" not in compare.groups[0]
    assert list(session.rankings) == ["fake-color"]
    assert session.model is not None


def test_compare_with__another_one_takes_its_place(compare, session, contrary):
    session.compare_with = contrary
    rank(compare, "red")
    session.compare_with = "workbench/spriteclip-tiny"
    assert ContraryModel.unloaded == 1
    settle(compare)
    assert list(session.rankings) == ["fake-color", "workbench/spriteclip-tiny"]


def test_groups__name_the_model_that_made_them(compare, session, contrary):
    session.compare_with = contrary
    rank(compare, "red")
    session.model_id = "workbench/spriteclip-tiny"
    compare.ranks.top_k = 2
    assert [group["subtitle"] for group in compare.groups] == ["fake-color", contrary]
    assert list(session.rankings) == ["fake-color", contrary]


def test_compare_with__none_means_no_model(compare, session, contrary):
    session.compare_with = contrary
    session.compare_with = None
    assert session.compare_with == ""
    assert session.compared is None


def test_compare_with__both_compute_on_the_chosen_device(compare, session, contrary):
    compare.models.device = "cpu"
    session.compare_with = contrary
    second = ModelController.of(session.compared)
    assert second.device == "cpu"
    compare.models.device = "auto"
    assert second.device == "auto"


def test_compare_with__the_model_itself_is_refused(session):
    with pytest.raises(InvalidParameterError, match="itself"):
        session.compare_with = session.model_id
    assert session.compare_with == ""


def test_compare_with__choosing_the_second_model_as_the_first_ends_it(compare, session, contrary):
    session.compare_with = contrary
    session.model_id = contrary
    assert session.compare_with == ""
    assert session.compared is None


def test_compare_with__an_unknown_id_is_told_and_the_first_ranking_stays(compare, session):
    session.compare_with = "no/such-model"
    rank(compare, "red")
    assert "no/such-model" in compare.problem.text
    assert keys(compare.groups)[0][0] == "red.png"
    assert compare.groups[1]["cards"] == []
    assert "went wrong" in compare.groups[1]["note"]


def test_compare_with__a_model_that_is_not_here_waits_for_a_press(compare, session, monkeypatch):
    hub = FakeHub(monkeypatch, far_card())
    monkeypatch.setattr("models.auto.AutoModel.from_pretrained", lambda *_, **__: ContraryModel())
    monkeypatch.setattr("models.auto.AutoModel.describe", lambda *_, **__: None)
    compare.models.refresh()
    session.model = MeanColorModel()
    session.compare_with = MODEL_ID
    assert f"workbench models download {MODEL_ID}" in session.status.next_step
    rank(compare, "red")
    assert compare.needs_download
    assert hub.calls == 0
    assert "Download" in compare.groups[1]["note"]
    compare.download()
    hub.give()
    assert compare.models.downloads.wait(WAIT_S)
    settle(compare)
    assert not compare.needs_download
    assert keys(compare.groups)[1][0] == "blue.png"


def test_clips__replaced_both_forget(compare, session, contrary, pictures):
    session.compare_with = contrary
    rank(compare, "red")
    session.clips = pictures[:2]
    assert compare.groups == ()
    assert session.compared.ranking is None
    rank(compare, "red")
    assert [len(group) for group in keys(compare.groups)] == [2, 2]


def test_status__of_the_second_model_says_whose_it_is(compare, session, contrary):
    said = []
    session.observe(lambda change: said.append(change.new.text), "status")
    session.compare_with = contrary
    rank(compare, "red")
    assert any(text == f"{contrary} · Ranked 4 clips for 1 prompt." for text in said)


def test_close__unloads_both(session, pictures, contrary):
    session.clips = pictures
    compare = CompareController.of(session)
    session.compare_with = contrary
    rank(compare, "red")
    session.close()
    assert ContraryModel.unloaded == 1


def test_jobs__one_bar_for_both_and_stop_reaches_the_second(gated_model, many_pictures, color_model):
    session = Session(model_id=color_model, clips=many_pictures)
    compare, jobs = CompareController.of(session), JobsController.of(session)
    session.compare_with = "fake-gated"
    jobs.embed.start()
    assert gated_model.waiting.wait(WAIT_S)
    assert jobs.embed.wait(WAIT_S)
    assert jobs.running
    assert not jobs.first_running
    assert jobs.text.startswith("fake-gated: ")
    jobs.stop()
    assert jobs.stopping
    gated_model.gate.set()
    settle(compare)
    assert not jobs.running
    assert session.compared.embeddings.stopped
    session.close()
