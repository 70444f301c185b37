import numpy as np
import pytest

from workbench.analysis.results import Classification, Ranking
from workbench.controllers.cards import classification_groups, ranking_groups
from workbench.controllers.pairs import Side, change_of, label_places, paired_groups, ranking_places


class Clips(dict):
    """Clips by key that have a caption and a kind."""

    def __missing__(self, key):
        return type("Clip", (), {"caption": "", "kind": "image"})


def ranking(scores, keys="abcd", prompts=("red",)):
    return Ranking(np.array(scores, np.float32), list(prompts), list(keys))


def side(name, found, top_k=4, waiting=""):
    groups = ranking_groups(found, Clips(), top_k)
    return Side(name, "cosine", groups, ranking_places(found), waiting)


@pytest.mark.parametrize(
    ("place", "other", "change", "kind"),
    [(2, 5, "▲3", "up"), (4, 3, "▼1", "down"), (1, 1, "=", "same"), (3, None, "new", "new")],
)
def test_change_of__says_how_a_place_differs(place, other, change, kind):
    said = change_of(place, other, "me/b")
    assert (said["change"], said["change_kind"]) == (change, kind)
    assert "me/b" in said["change_title"]


def test_ranking_places__are_those_of_the_ranking():
    places = ranking_places(ranking([[0.1, 0.9, 0.5, 0.2]]))
    assert [places["red"](key) for key in "abcd"] == [4, 1, 2, 3]
    assert places["red"]("z") is None


def test_paired_groups__each_prompt_of_both_models_in_turn():
    first = ranking([[0.9, 0.8, 0.1, 0.0], [0.0, 0.1, 0.2, 0.3]], prompts=("red", "blue"))
    second = ranking([[0.3, 0.2, 0.1, 0.0], [0.9, 0.8, 0.1, 0.0]], prompts=("blue", "red"))
    groups = paired_groups(side("me/a", first), side("me/b", second))
    assert [(group["title"], group["subtitle"]) for group in groups] == [
        ("red", "me/a"),
        ("red", "me/b"),
        ("blue", "me/a"),
        ("blue", "me/b"),
    ]
    assert [card["key"] for card in groups[3]["cards"]] == ["a", "b", "c", "d"]


def test_paired_groups__a_change_counts_places_beyond_those_that_are_shown():
    first, second = ranking([[0.9, 0.8, 0.7, 0.6]]), ranking([[0.1, 0.2, 0.3, 0.4]])
    mine, theirs = paired_groups(side("a", first, top_k=1), side("b", second, top_k=2))
    assert [(card["key"], card["change"]) for card in mine["cards"]] == [("a", "▲3")]
    assert [(card["key"], card["change"]) for card in theirs["cards"]] == [("d", "▲3"), ("c", "▲1")]


def test_paired_groups__a_clip_that_the_other_model_has_no_vector_of_is_new():
    first, second = ranking([[0.9, 0.8]], keys="ab"), ranking([[0.5]], keys="a")
    mine, theirs = paired_groups(side("a", first), side("b", second))
    assert [card["change"] for card in mine["cards"]] == ["=", "new"]
    assert [card["change"] for card in theirs["cards"]] == ["="]


def test_paired_groups__without_a_second_result_there_is_its_place_and_no_change():
    first = side("me/a", ranking([[0.9, 0.8]], keys="ab"))
    mine, theirs = paired_groups(first, Side("me/b", "", waiting="Loading."))
    assert [card["key"] for card in mine["cards"]] == ["a", "b"]
    assert "change" not in mine["cards"][0]
    assert (theirs["title"], theirs["note"], theirs["cards"]) == ("red", "Loading.", [])


def test_paired_groups__labels_of_the_two_models():
    labels, keys = ["red", "blue"], ["a", "b", "c"]
    first = Classification(np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]), labels, keys)
    second = Classification(np.array([[0.7, 0.3], [0.9, 0.1], [0.6, 0.4]]), labels, keys)
    sides = []
    for name, found in (("a", first), ("b", second)):
        groups = classification_groups(found, Clips(), 2)
        sides.append(Side(name, found.kind, groups, label_places(groups)))
    groups = paired_groups(*sides)
    assert [[(card["key"], card["change"]) for card in group["cards"]] for group in groups] == [
        [("a", "▲1"), ("b", "▼1")],
        [("b", "▲1"), ("a", "▼1"), ("c", "new")],
        [("c", "new")],
        [],
    ]
