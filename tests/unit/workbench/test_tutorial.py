"""The ticks of the tutorials."""

import pytest

from workbench.tutorial import check, exercise


def test_check__fails_for_real():
    with pytest.raises(AssertionError, match="look here"):
        check(0, "good", "look here")


def test_check__is_green_and_escaped():
    html = check(1, "<b>good</b>", "")._repr_html_()
    assert "success" in html
    assert "<b>" not in html


def test_exercise__an_open_one_shows_its_hint():
    assert not exercise([], "good", "hint").passed
    assert "hint" in exercise(None, "good", "hint")._repr_html_()
    assert exercise("x", "good", "hint").text == "good"
