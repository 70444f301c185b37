"""The engine on real files: coded videos, images, and things that only look like them."""

import numpy as np
import pytest
from PIL import Image

from tests.fakes import MeanColorModel, MotionModel, moving_clip
from workbench.engine.embed import embed
from workbench.engine.store import MemoryStore
from workbench.media.encode import write_video
from workbench.media.sources import load_clips
from workbench.zeroshot import rank

NASTY = "<img src=x onerror=alert(1)>.mp4"


@pytest.fixture
def folder(tmp_path):
    for name, color, direction in [
        ("a.mp4", "red", "right"),
        ("b.mp4", "blue", "left"),
        (NASTY, "green", "right"),
    ]:
        write_video(tmp_path / name, moving_clip(color, direction, num_frames=8, size=64), 8)
    Image.new("RGB", (40, 30), (255, 255, 0)).save(tmp_path / "still.png")
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.png").write_bytes(b"")
    return tmp_path


def test_embed__a_folder_with_good_and_bad_files(folder):
    embeddings = embed(MotionModel(), folder, progress=False)
    assert sorted(embeddings.keys) == sorted(["a.mp4", "b.mp4", NASTY, "still.png"])
    assert {error.path.rsplit("/", 1)[-1] for error in embeddings.clips.errors} == {"text.mp4", "empty.png"}
    assert embeddings["a.mp4"][4] > embeddings["a.mp4"][5]
    assert embeddings["b.mp4"][5] > embeddings["b.mp4"][4]
    assert embeddings["still.png"][4] == embeddings["still.png"][5] == 0
    assert f"/{NASTY}" in embeddings.paths[embeddings.keys.index(NASTY)]


def test_embed__a_file_that_goes_after_it_was_listed_is_skipped(folder):
    clips = load_clips(folder)
    (folder / "b.mp4").unlink()
    embeddings = embed(MeanColorModel(), clips, progress=False)
    assert [one.key for one in embeddings.skipped] == ["b.mp4"]
    assert "b.mp4" in embeddings.skipped[0].reason
    assert len(embeddings) == 3


def test_embed__a_renamed_file_is_found_in_the_store_and_a_changed_one_is_not(folder):
    store, model = MemoryStore(), MeanColorModel()
    embed(model, folder, store=store, progress=False)
    (folder / "a.mp4").rename(folder / "z.mp4")
    write_video(folder / "b.mp4", moving_clip("white", "right", num_frames=8, size=64), 8)
    stats = embed(model, folder, store=store, progress=False).stats
    assert (stats.reused, stats.clips) == (3, 1)


def test_rank__finds_the_colour_and_draws_escaped_cards(folder):
    ranking = rank(MotionModel(), folder, ["red right", "blue left"], progress=False)
    assert [row[0][0] for row in ranking.top(1)] == ["a.mp4", "b.mp4"]
    html = ranking._repr_html_()
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;.mp4" in html
    assert html.count("data:image/jpeg;base64,") == 8


def test_embed__two_runs_give_equal_rows(folder):
    clips = load_clips(folder)
    first, second = (embed(MotionModel(), clips, batch_size=n, workers=n, progress=False) for n in (1, 4))
    np.testing.assert_array_equal(first.vectors, second.vectors)
