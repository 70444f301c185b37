"""The page of a ranking: complete, escaped, self-contained."""

import json
import re

import numpy as np
import pytest

from models.base import EmbeddingSpace
from workbench import Ranking, report_media
from workbench.report import report_html

NASTY = '</script><img src=x onerror="alert(1)">'


def records(page: str) -> dict[str, dict[str, str]]:
    """The clips' data inside a page."""
    script = re.search(r'<script type="application/json" id="clips">(.*?)</script>', page, re.DOTALL)
    return json.loads(script[1])


@pytest.fixture
def ranking(pictures):
    """Two prompts; the first clip is best for the first, the second for the second."""
    scores = np.array([[0.9, 0.1, 0.0, -0.2], [0.2, 0.8, 0.1, 0.0]], np.float32)
    return Ranking(
        scores,
        ["one", NASTY],
        pictures.keys,
        paths=[str(clip.path) for clip in pictures],
        space=EmbeddingSpace("me/m", "rev1", "rgb", "uniform-middle:8"),
        clips=pictures,
        unknown_words={NASTY: [NASTY]},
    )


def test_report_html__shows_the_best_clips_in_order(ranking):
    page = report_html(ranking, top=2)
    cards = re.findall(r'data-key="([^"]+)" data-score="([^"]+)"', page)
    assert cards == [(key, f"{score:.6f}") for best in ranking.top(2) for key, score in best]


def test_report_html__every_text_is_escaped(ranking):
    page = report_html(
        ranking, heading=NASTY, command=NASTY, skipped=[(NASTY, NASTY)], answers={"one": NASTY}
    )
    assert "<img src=x" not in page
    assert page.count("</script>") == 2


def test_report_html__needs_nothing_beside_it(ranking):
    page = report_html(ranking)
    assert "default-src 'none'" in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert all(record["media"].startswith("data:image/") for record in records(page).values())


def test_report_html__marks_the_right_answer(ranking):
    page = report_html(ranking, top=1, answers={"one": ranking.keys[0], NASTY: ranking.keys[0]})
    assert page.count('class="card right"') == 1
    assert "1 of 2" in page
    assert f"expected: {ranking.keys[0]}" in page


def test_report_html__says_where_it_came_from(ranking):
    page = report_html(ranking, command="workbench rank x", skipped=[("bad.mp4", "It is empty.")])
    for fact in ("me/m", "rev1", "uniform-middle:8", "workbench rank x", "bad.mp4", "It is empty."):
        assert fact in page


def test_report_html__a_file_that_went_away_has_no_picture(ranking, pictures):
    pictures[0].path.unlink()
    without_clips = Ranking(ranking.scores, ranking.prompts, ranking.keys, paths=ranking.paths)
    page = report_html(without_clips)
    assert page.count("no picture") == 2
    assert records(page)["0"]["media"] == ""
    assert records(page)["1"]["media"]


def test_report_html__media_beyond_the_limit_keep_their_poster(ranking, monkeypatch):
    monkeypatch.setattr(report_media, "MAX_MEDIA_BYTES", 200)
    found = records(report_html(ranking))
    assert all(record["poster"] for record in found.values())
    assert 0 < sum(bool(record["media"]) for record in found.values()) < len(found)


def test_report_html__many_clips_are_cut_in_the_heat_map_only(monkeypatch):
    for module in ("workbench.report", "workbench.report_media"):
        monkeypatch.setattr(f"{module}.MAX_CLIPS", 5)
    scores = np.linspace(0, 1, 9, dtype=np.float32)[None]
    page = report_html(Ranking(scores, ["one"], [f"{i}.mp4" for i in range(9)]), top=1)
    assert 'data-key="8.mp4"' in page
    assert "The first 5 of 9 clips" in page
    assert page.count('<th scope="col"') == 5
