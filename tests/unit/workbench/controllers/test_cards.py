import numpy as np
import pytest

from workbench.analysis.results import Classification, Ranking
from workbench.controllers import cards


def ranking_of(scores, keys, prompts=("a", "b")):
    return Ranking(np.array(scores, np.float32), list(prompts)[: len(scores)], list(keys))


def test_ranking_groups__bars_compare_prompts(pictures):
    ranking = ranking_of([[0.1, 0.5], [0.3, 0.2]], pictures.keys[:2])
    first, second = cards.ranking_groups(ranking, pictures, 1)
    assert (first["cards"][0]["key"], first["cards"][0]["bar"]) == (pictures.keys[1], 1.0)
    assert second["cards"][0]["bar"] == pytest.approx(0.5)
    assert [group["title"] for group in (first, second)] == ["a", "b"]


def test_ranking_groups__equal_scores_give_finite_bars(pictures):
    ranking = ranking_of([[0.5, 0.5]], pictures.keys[:2])
    assert [card["bar"] for card in cards.ranking_groups(ranking, pictures, 2)[0]["cards"]] == [0.0, 0.0]


def test_classification_groups__each_clip_stands_under_its_likeliest_label(pictures):
    result = Classification(np.array([[0.2, 0.8], [0.3, 0.7]]), ["x", "y"], pictures.keys[:2])
    none, both = cards.classification_groups(result, pictures, 2)
    assert none["cards"] == []
    assert none["note"] == "likeliest for no clip"
    assert [card["key"] for card in both["cards"]] == pictures.keys[:2]
    assert both["cards"][0]["caption"] == "x 20 %"
    assert both["cards"][0]["score_text"] == "80 %"


def test_ranking_heat__too_many_clips_keep_the_best_in_their_order():
    count = cards.MAX_COLUMNS + 50
    scores = np.arange(count, dtype=np.float32)[None] / count
    heat = cards.ranking_heat(ranking_of(scores, [f"{i}.mp4" for i in range(count)]))
    assert len(heat["columns"]) == cards.MAX_COLUMNS
    assert heat["columns"][0] == "50.mp4"
    assert heat["columns"] == sorted(heat["columns"], key=lambda key: int(key[:-4]))
    assert heat["left_out"] == 50


def test_classification_heat__has_a_row_for_each_label():
    heat = cards.classification_heat(Classification(np.array([[0.2, 0.8]]), ["x", "y"], ["a.mp4"]))
    assert heat["scores"] == [[0.2], [0.8]]
    assert heat["rows"] == ["x", "y"]
