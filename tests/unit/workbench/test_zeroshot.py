import numpy as np
import pytest

from models.errors import EmbeddingSpaceError, InvalidParameterError
from tests.fakes import MeanColorModel, MotionModel
from tests.unit.workbench.engine.fake_clips import FakeClip, colourful
from workbench.engine.embed import embed
from workbench.engine.store import MemoryStore
from workbench.errors import ClipDecodeError, NothingToRankError
from workbench.zeroshot import classify, rank, unknown_words

CLIPS = [FakeClip("r", "red"), FakeClip("g", "green"), FakeClip("y", "yellow")]
HALF = 2**-0.5


def test_rank__scores_are_cosines():
    ranking = rank(MeanColorModel(), CLIPS, ["red", "green"])
    np.testing.assert_allclose(ranking.scores, [[1, 0, HALF], [0, 1, HALF]], atol=1e-6)
    assert ranking.keys == ["r", "g", "y"]
    assert ranking.paths[0] == "/clips/r"
    assert ranking.space.model_id == "fakes/mean-color"


def test_rank__prompts_may_be_a_text_with_blank_and_repeated_lines():
    assert rank(MeanColorModel(), CLIPS, "green\n\nred \ngreen").prompts == ["green", "red"]


def test_rank__embeddings_are_not_made_again():
    clips = colourful(3)
    embeddings = embed(MeanColorModel(), clips)
    ranking = rank(MeanColorModel(), embeddings, "red")
    assert clips[0].calls["frames"] == 1
    assert ranking.top(1)[0][0][0] == "clip0000"


def test_rank__a_store_is_used():
    clips, store, model = colourful(3), MemoryStore(), MeanColorModel()
    rank(model, clips, "red", store=store)
    rank(model, clips, "blue", store=store)
    assert clips[0].calls["frames"] == 1


def test_rank__embeddings_of_another_model_are_refused():
    embeddings = embed(MotionModel(), CLIPS)
    with pytest.raises(EmbeddingSpaceError, match=r"fakes/motion.*fakes/mean-color"):
        rank(MeanColorModel(), embeddings, "red")

    class Newer(MotionModel):
        revision = "2"

    with pytest.raises(EmbeddingSpaceError, match=r"\(1, .*\(2, "):
        classify(Newer(), embeddings, "red")


def test_rank__another_number_of_frames_is_still_the_same_model():
    assert len(rank(MotionModel(), embed(MotionModel(), CLIPS, num_frames=2), "red").keys) == 3


def test_rank__negatives_push_clips_down():
    plain = rank(MeanColorModel(), CLIPS, "red")
    against = rank(MeanColorModel(), CLIPS, "red", negatives=["green", "blue"])
    np.testing.assert_allclose(against.scores, [[1, -1, 0]], atol=1e-6)
    assert plain.negatives == []
    assert against.negatives == ["green", "blue"]


def test_rank__templates_reach_the_model():
    ranking = rank(MeanColorModel(), CLIPS, "red", templates="{} and green")
    assert ranking.top(1)[0][0][0] == "y"
    assert ranking.templates == ["{} and green"]
    with pytest.raises(InvalidParameterError, match="'no place'"):
        rank(MeanColorModel(), CLIPS, "red", templates="no place")


def test_rank__unknown_words_are_named():
    ranking = rank(MeanColorModel(), CLIPS, ["red giraffe", "blue"], negatives="grey")
    assert ranking.unknown_words == {"red giraffe": ["giraffe"], "grey": ["grey"]}
    assert "giraffe" in ranking._repr_html_()


def test_unknown_words__a_model_that_does_not_say_knows_all():
    assert unknown_words(object(), ["giraffe"]) == {}


@pytest.mark.parametrize("prompts", ["", " \n ", [], ["", " "]])
def test_rank__no_prompt(prompts):
    with pytest.raises(NothingToRankError, match="no prompt"):
        rank(MeanColorModel(), CLIPS, prompts)


def test_rank__every_clip_broken_says_why():
    broken = [FakeClip("a", error=ClipDecodeError("cut short"))]
    with pytest.raises(NothingToRankError, match="1 were skipped, first a: cut short"):
        rank(MeanColorModel(), broken, "red")


def test_rank__skipped_clips_are_listed():
    ranking = rank(MeanColorModel(), [*CLIPS, FakeClip("x", error=ClipDecodeError("bad"))], "red")
    assert [one.key for one in ranking.skipped] == ["x"]


def test_rank__a_model_without_text_is_refused_before_anything_is_decoded():
    class Silent:
        def embed_images(self, images): ...

    clip = FakeClip("a")
    with pytest.raises(InvalidParameterError, match="embed_text"):
        rank(Silent(), [clip], "red")
    assert clip.calls["frames"] == 0


def test_classify__softmax_of_the_scaled_cosine():
    class Warm(MeanColorModel):
        logit_scale = 2.0

    result = classify(Warm(), CLIPS, ["red", "green"])
    np.testing.assert_allclose(
        result.probabilities[0], [np.e**2 / (np.e**2 + 1), 1 / (np.e**2 + 1)], rtol=1e-5
    )
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1)
    assert result.labels == ["red", "green"]
    assert result.kind == "softmax"


def test_classify__sigmoid_of_scale_and_bias():
    class Each(MeanColorModel):
        score_kind, logit_scale, logit_bias = "sigmoid", 4.0, -4.0

    result = classify(Each(), CLIPS, ["red", "green"])
    np.testing.assert_allclose(result.probabilities[0], [0.5, 1 / (1 + np.e**4)], rtol=1e-5)
    assert result.kind == "sigmoid"


def test_classify__no_label():
    with pytest.raises(NothingToRankError, match="no label"):
        classify(MeanColorModel(), CLIPS, "\n")
