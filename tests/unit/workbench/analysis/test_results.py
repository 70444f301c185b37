import numpy as np
import pytest
from matplotlib.figure import Figure

from models.base import EmbeddingSpace
from models.errors import InvalidParameterError
from tests.unit.workbench.engine.fake_clips import FakeClip
from workbench.analysis.results import Classification, Ranking
from workbench.engine.records import Skipped
from workbench.errors import ClipDecodeError

SCORES = np.array([[0.1, 0.9, 0.9], [0.3, 0.2, 0.1]])
KEYS = ["a.mp4", "b.mp4", "c.mp4"]
EVIL = "<img src=x onerror=alert(1)>"


def test_ranking__order_and_top():
    ranking = Ranking(SCORES, ["red", "blue"], KEYS)
    assert ranking.order.tolist() == [[1, 2, 0], [0, 1, 2]]
    assert [[key for key, _ in row] for row in ranking.top(2)] == [["b.mp4", "c.mp4"], ["a.mp4", "b.mp4"]]
    assert [len(row) for row in ranking.top(99)] == [3, 3]
    assert ranking.top(1)[0][0][1] == pytest.approx(0.9)
    assert type(ranking.top(1)[0][0][1]) is float


def test_ranking__to_frame_is_long():
    frame = Ranking(SCORES, ["red", "blue"], KEYS, paths=["/a", "/b", "/c"]).to_frame()
    assert frame.columns.tolist() == ["prompt", "rank", "key", "score", "path"]
    assert frame["prompt"].tolist() == ["red"] * 3 + ["blue"] * 3
    assert frame["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert frame["key"].tolist() == ["b.mp4", "c.mp4", "a.mp4", "a.mp4", "b.mp4", "c.mp4"]
    assert frame["path"].tolist() == ["/b", "/c", "/a", "/a", "/b", "/c"]
    np.testing.assert_allclose(frame["score"], [0.9, 0.9, 0.1, 0.3, 0.2, 0.1])


def test_ranking__scores_are_a_copy_that_cannot_be_changed():
    scores = SCORES.copy()
    ranking = Ranking(scores, ["red", "blue"], KEYS)
    scores[:] = 0
    assert ranking.scores[0, 1] == pytest.approx(0.9)
    with pytest.raises(ValueError, match="read-only"):
        ranking.scores[0, 0] = 1


def test_ranking__shapes_must_fit():
    with pytest.raises(InvalidParameterError, match=r"\[2, 3\]; \[1, 3\]"):
        Ranking(SCORES, ["red"], KEYS)
    with pytest.raises(InvalidParameterError, match="NaN"):
        Ranking(SCORES * np.nan, ["red", "blue"], KEYS)
    with pytest.raises(InvalidParameterError, match="1 paths"):
        Ranking(SCORES, ["red", "blue"], KEYS, paths=["/a"])


def test_ranking__repr_has_a_line_per_prompt():
    lines = repr(Ranking(SCORES, ["red", "blue"], KEYS)).splitlines()
    assert lines[0] == "Ranking(2 prompts x 3 clips)"
    assert lines[1] == "  red    b.mp4 0.900   c.mp4 0.900   a.mp4 0.100"
    many = Ranking(np.zeros((20, 1)), [f"prompt {i}" for i in range(20)], ["a"])
    assert repr(many).splitlines()[-1] == "  … 8 more"


def test_ranking__html_escapes_and_draws():
    ranking = Ranking(
        SCORES,
        [EVIL, "blue"],
        [f"{EVIL}.mp4", "b.mp4", "c.mp4"],
        space=EmbeddingSpace("<b>model", "1"),
        negatives=["<i>grey"],
        unknown_words={"blue": ["<u>giraffe"]},
        skipped=[Skipped("<s>d.mp4", "<s>bad")],
        clips=[FakeClip("b.mp4"), FakeClip("c.mp4", error=ClipDecodeError("<s>gone"))],
    )
    html = ranking._repr_html_()
    for tag in ("<img src=x", "<b>model", "<i>", "<u>", "<s>"):
        assert tag not in html
    assert "the model does not know: &#x27;&lt;u&gt;giraffe&#x27;" in html
    assert html.count("data:image/jpeg;base64,") == 2
    assert "1 skipped" in html
    assert "width:100.0%" in html


def test_ranking__html_stays_small():
    clips = [FakeClip(f"{i}.mp4") for i in range(200)]
    keys = [clip.key for clip in clips]
    html = Ranking(np.zeros((50, 200)), [f"p{i}" for i in range(50)], keys, clips=clips)._repr_html_()
    assert html.count("data:image") <= 32
    assert "42 more prompts" in html


def test_ranking__html_of_nothing():
    assert "0 clips" in Ranking(np.empty((1, 0)), ["red"], [])._repr_html_()
    assert "0 prompts" in Ranking(np.empty((0, 1)), [], ["a"])._repr_html_()


def test_classification__per_clip():
    result = Classification(np.array([[0.2, 0.8], [0.5, 0.5]]), ["cat", "dog"], ["a", "b"])
    assert result.top(1) == [[("dog", 0.8)], [("cat", 0.5)]]
    frame = result.to_frame()
    assert frame.columns.tolist() == ["key", "rank", "label", "probability", "path"]
    assert frame["label"].tolist() == ["dog", "cat", "cat", "dog"]
    assert frame["key"].tolist() == ["a", "a", "b", "b"]
    assert "Classification(2 clips x 2 labels)" in repr(result)


def test_classification__html_escapes():
    result = Classification(
        np.array([[1.0]]), [EVIL], ["a"], unknown_words={EVIL: [EVIL]}, clips=[FakeClip("a")]
    )
    html = result._repr_html_()
    assert "<img src=x" not in html
    assert "data:image/jpeg" in html


@pytest.mark.parametrize(
    "result",
    [
        Ranking(SCORES, ["red", "blue"], KEYS),
        Ranking(SCORES, ["red", "blue"], KEYS, negatives=["grey"]),
        Classification(SCORES.T, ["red", "blue"], KEYS),
    ],
)
def test_heatmap__is_a_figure_with_prompts_as_rows(result):
    figure = result.heatmap()
    assert isinstance(figure, Figure)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["red", "blue"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == KEYS
