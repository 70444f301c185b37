from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_data import ramp_numbers, write_ramp
from PIL import Image

from workbench.engine.clip_ids import stored_id
from workbench.errors import InvalidClipError, InvalidParameterError, SourceNotFoundError
from workbench.media.clips import Clip, ClipSet
from workbench.media.headers import read_clip
from workbench.media.outcome import OutcomeReport, SourceError
from workbench.media.samples import sample_clips
from workbench.media.sources import load_clips


@pytest.fixture
def clips(ramp: Path, tmp_path: Path) -> ClipSet:
    """A video and an image."""
    Image.new("RGB", (50, 20), (0, 0, 200)).save(tmp_path / "blue.png")
    return load_clips([ramp, tmp_path / "blue.png"])


def test_clip__frames_cover_the_whole_clip(clips: ClipSet) -> None:
    assert ramp_numbers(clips[0].frames(6).data) == [2, 7, 12, 17, 22, 27]
    assert ramp_numbers(clips[0].frames(1).data) == [15]
    with pytest.raises(InvalidClipError):
        clips[0].frames(0)


def test_clip__few_frames_repeat_in_order(tmp_path: Path) -> None:
    clip = read_clip(write_ramp(tmp_path / "short.mp4", num_frames=3))
    assert ramp_numbers(clip.frames(8).data) == [0, 0, 0, 1, 1, 2, 2, 2]


def test_clip__part_of_a_video(clips: ClipSet) -> None:
    part = replace(clips[0], start_s=1.0, stop_s=2.0)
    assert ramp_numbers(part.frames(5).data) == [11, 13, 15, 17, 19]


def test_clip__image_is_one_frame(clips: ClipSet) -> None:
    image = clips[1]
    assert (image.kind, image.duration_s, image.width, image.height) == ("image", 0.0, 50, 20)
    frames = image.frames(8)
    assert frames.data.shape == (1, 20, 50, 3)
    assert frames.times_s.tolist() == [0.0]


def test_clip__poster_is_small_and_kept(clips: ClipSet) -> None:
    for clip in clips:
        poster = clip.poster(32)
        assert poster[:2] == b"\xff\xd8"
        assert clip.poster(32) is poster


def test_clip__gone_file(clips: ClipSet) -> None:
    gone = replace(clips[0], path=Path("/gone.mp4"), content_id="other")
    for use in (lambda: gone.frames(2), gone.poster):
        with pytest.raises(SourceNotFoundError):
            use()
    assert "no file" in gone._repr_html_()


def test_clip_set__places_keys_and_slices(clips: ClipSet) -> None:
    assert clips.keys == ["ramp.mp4", "blue.png"]
    assert clips["blue.png"] is clips[1] is clips[-1]
    assert clips[:1].keys == ["ramp.mp4"]
    assert "blue.png" in clips
    assert clips[0] in clips
    assert "red.png" not in clips
    with pytest.raises(KeyError, match=r"did you mean 'blue\.png'"):
        clips["blu.png"]


def test_clip_set__to_frame(clips: ClipSet) -> None:
    frame = clips.to_frame()
    assert frame["key"].tolist() == clips.keys
    assert frame["duration_s"].tolist() == pytest.approx([3.0, 0.0])
    assert list(ClipSet().to_frame().columns) == list(frame.columns)


def test_clip_set__sum_keeps_both_accounts(clips: ClipSet, tmp_path: Path) -> None:
    more = load_clips([clips[0].path, "/no/such.mp4"])
    both = clips + more
    assert both.keys == clips.keys
    assert both.outcomes.text == "2 added, 1 already present, 1 missing"
    assert len(clips) == 2
    assert not clips.errors


def test_clip_set__keys_that_clash_get_numbers_when_folders_do_not_help() -> None:
    spans = [Clip("a.mp4", Path("/a.mp4"), "video", i, i + 1.0, 2, 2) for i in range(3)]
    assert ClipSet(spans).keys == ["a.mp4", "a.mp4 (2)", "a.mp4 (3)"]


def test_clip_set__html_shows_a_bounded_number(ramp: Path) -> None:
    clip = read_clip(ramp)
    many = ClipSet(replace(clip, key=f"{i}", start_s=i / 100) for i in range(60))
    html = many._repr_html_()
    assert html.count("<figure") == 24
    assert "and 36 more" in html


def test_outcome_report__lists_a_bounded_number() -> None:
    report = OutcomeReport(broken=tuple(SourceError(f"{i}.mp4", "<why>") for i in range(80)))
    assert report._repr_html_().count("&lt;why&gt;") == 50
    assert "and 30 more" in str(report)
    assert report.text == "80 broken"
    assert OutcomeReport().text == "nothing found"


def test_windows__of_videos_and_images(clips: ClipSet) -> None:
    cut = clips.windows(1.25)
    assert cut.keys == ["ramp.mp4@0.0-1.25", "ramp.mp4@1.25-2.5", "blue.png"]
    assert {part.content_id for part in cut[:2]} == {clips[0].content_id}
    assert replace(cut[1], key="ramp.mp4", start_s=0.0, stop_s=clips[0].stop_s) == clips[0]
    assert cut[2] is clips[1]
    assert cut.outcomes.added == tuple(cut.keys)
    assert ramp_numbers(cut[1].frames(2).data) == [15, 21]


def test_windows__keep_what_could_not_be_read(ramp: Path) -> None:
    cut = load_clips([ramp, "/no/such/film.mp4"]).windows(1.0)
    assert [error.path for error in cut.errors] == ["/no/such/film.mp4"]


def test_windows__of_a_long_film_have_keys_and_ids_of_their_own(clips: ClipSet) -> None:
    film = replace(clips[0], stop_s=10 * 3600.0)
    cut = ClipSet([film]).windows(8.0, 1.7)
    assert len(cut) == len({stored_id(part) for part in cut}) > 20_000


@pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), "8", None])
def test_windows__no_seconds(clips: ClipSet, wrong) -> None:
    for some in (clips, ClipSet()):
        with pytest.raises(InvalidParameterError, match="length_s is"):
            some.windows(wrong)
    with pytest.raises(InvalidParameterError, match="stride_s is 0"):
        clips.windows(1.0, 0)


def test_moments__are_the_frames_that_stand_for_each_clip():
    clips = sample_clips()
    moments = clips.moments(4)
    film = next(clip for clip in clips if clip.kind == "video")
    mine = [clip for clip in moments if clip.path == film.path]
    whole = film.frames(4)
    for moment, pixels, time_s in zip(mine, whole.data, whole.times_s, strict=True):
        frame = moment.frames(1)
        assert np.array_equal(frame.data[0], pixels)
        assert frame.times_s[0] == time_s
    assert [clip for clip in moments if clip.kind == "image"] == [c for c in clips if c.kind == "image"]
    with pytest.raises(InvalidClipError, match="at least 1 frame"):
        clips.moments(0)
