import numpy as np
import pytest

from models.base import VideoTextEmbeddingModel, unit_rows
from workbench import embed, sample_clips
from workbench.engine import decode_units as units
from workbench.engine.decode_units import decode_units
from workbench.media.clips import ClipSet


class FirstPixels(VideoTextEmbeddingModel):
    """Rows that tell every frame of a clip."""

    num_frames = 4

    def embed_videos(self, videos):
        return unit_rows(np.stack([np.asarray(clip)[:, ::40, ::40].reshape(-1) + 1.0 for clip in videos]))

    def embed_text(self, texts):
        raise NotImplementedError


@pytest.fixture(scope="module")
def film():
    clips = sample_clips()
    videos = ClipSet([clip for clip in clips if clip.kind == "video"][:2])
    return videos.windows(length_s=0.5, stride_s=0.25)


def test_decode_units__windows_of_one_film_go_together(film):
    paths = [clip.path for clip in film]
    change = next(i for i, path in enumerate(paths) if path != paths[0])
    assert list(decode_units(film, range(len(film)), 8)) == [
        list(range(change)),
        list(range(change, len(film))),
    ]


def test_decode_units__are_bounded(film, monkeypatch):
    monkeypatch.setattr(units, "MOST_WINDOWS", 2)
    assert max(map(len, decode_units(film, range(len(film)), 8))) == 2
    monkeypatch.setattr(units, "MOST_BYTES", 1)
    assert {len(unit) for unit in decode_units(film, range(len(film)), 8)} == {1}


def test_decode_units__images_and_other_clips_stay_alone():
    clips = sample_clips()
    assert {len(unit) for unit in decode_units(clips, range(len(clips)), 8)} == {1}


def test_decode_units__only_what_is_wanted(film):
    assert list(decode_units(film, [3, 1], 8)) == [[3], [1]]


def test_embed__windows_give_the_rows_of_each_window_alone(film):
    model = FirstPixels()
    together = embed(model, film, progress=False)
    alone = np.concatenate([embed(model, [clip], progress=False).vectors for clip in film])
    np.testing.assert_allclose(together.vectors, alone, atol=1e-6)
    assert together.stats.frames == 4 * len(film)


def test_embed__a_film_that_is_gone_skips_its_windows_and_no_others(film, tmp_path):
    from dataclasses import replace

    gone = [replace(clip, path=tmp_path / "gone.mp4", key=f"gone {clip.key}") for clip in film[:3]]
    result = embed(FirstPixels(), [*gone, *film], progress=False)
    assert [one.key for one in result.skipped] == [clip.key for clip in gone]
    assert len(result) == len(film)
