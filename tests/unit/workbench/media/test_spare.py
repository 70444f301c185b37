"""Frames that nothing refers to are found in the packets, and not handed to the decoder."""

from collections import deque
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from make_data import write_ramp

from workbench.media import av1, runs
from workbench.media.container import open_video
from workbench.media.decode import frames_at
from workbench.media.packets import PacketReader
from workbench.media.spans import decode_from_start
from workbench.media.spare import spare_places

FILM = {"textured": True, "num_frames": 60, "width": 96, "height": 64, "gop": 60}
X265 = {"codec": "libx265", "b_frames": 3}
AV1 = {"codec": "libsvtav1", "options": {"preset": "11"}}
WITH_SPARE = {
    "h264.mp4": {"codec": "libx264", "b_frames": 3},
    "h264.ts": {"codec": "libx264", "b_frames": 2},
    "hevc.mp4": X265 | {"options": {"x265-params": "log-level=none"}},
    "hevc-10-bit.mkv": X265 | {"pixel_format": "yuv420p10le", "options": {"x265-params": "log-level=none"}},
    "hevc-layers.mp4": X265 | {"options": {"x265-params": "temporal-layers=3:b-adapt=0:log-level=none"}},
    "hevc-slices.ts": X265 | {"fps": 25, "options": {"x265-params": "slices=2:log-level=none"}},
    "av1.mp4": AV1,
    "av1-low-delay.mkv": AV1 | {"options": {"preset": "11", "svtav1-params": "pred-struct=1"}},
}
WITHOUT = {
    "h264-no-b.mp4": {"codec": "libx264"},
    "h264-all-intra.mp4": {"codec": "libx264", "gop": 1},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "mpeg4.avi": {"codec": "mpeg4", "b_frames": 2},
}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """Gives films of a kind, each made once."""
    folder = tmp_path_factory.mktemp("films")

    def make(name: str) -> Path:
        path = folder / name
        return path if path.exists() else write_ramp(path, **FILM | (WITH_SPARE | WITHOUT)[name])

    return make


def spare_of(path: Path, *, is_whole: bool = True) -> tuple[set[int], int]:
    with open_video(path, threads=1) as video:
        packets = list(PacketReader(video))
        extradata = video.stream.codec_context.extradata
        return spare_places(video.codec, packets, extradata, is_whole=is_whole), len(packets)


@pytest.mark.parametrize("name", WITH_SPARE)
def test_spare_places__leaving_all_of_them_out_changes_no_other_frame(name: str, film) -> None:
    path = film(name)
    spare, count = spare_of(path)
    assert count / 10 <= len(spare) <= count * 0.9
    assert 0 not in spare
    with av.open(str(path)) as container:
        whole = {frame.pts: frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)}
    with av.open(str(path)) as container:
        stream, kept = container.streams.video[0], {}
        for place, packet in enumerate(container.demux(stream)):
            if place not in spare:
                kept |= {
                    one.pts: one.to_ndarray(format="rgb24") for one in stream.codec_context.decode(packet)
                }
    assert len(kept) == count - len(spare)
    for pts, picture in kept.items():
        np.testing.assert_array_equal(picture, whole[pts])


@pytest.mark.parametrize("name", WITHOUT)
def test_spare_places__none_where_none_are_known(name: str, film) -> None:
    assert spare_of(film(name))[0] == set()


def test_spare_places__of_hevc_only_where_no_later_run_may_refer_to_them(film) -> None:
    path = film("hevc.mp4")
    assert spare_of(path)[0]
    assert spare_of(path, is_whole=False)[0] == set()


@pytest.mark.parametrize("name", WITH_SPARE)
def test_frames_at__is_fed_less_for_the_same_frames(name: str, film, monkeypatch) -> None:
    path = film(name)
    wanted = [0.35, 2.05, 5.55]
    expected = next(decode_from_start(path, deque([np.array(wanted)])))
    fed = []
    leave_out = runs.Feeder._leave_out
    monkeypatch.setattr(
        runs.Feeder, "_leave_out", lambda feeder, **what: fed.append(1) or leave_out(feeder, **what)
    )
    got = frames_at(path, wanted, threads=1)
    np.testing.assert_array_equal(got.data, expected.data)
    assert 3 <= len(fed) <= 54


@given(data=st.binary(max_size=200))
def test_av1__reads_whatever_comes(data: bytes) -> None:
    sequence = av1.read_sequence(data) or av1.Sequence(2, 2, 7)
    assert sequence.order_hint_bits <= 8
    assert av1.keeps_nothing(data, sequence) in {True, False}


def test_av1__a_sequence_is_the_same_wherever_it_stands(film) -> None:
    path = film("av1.mp4")
    with open_video(path, threads=1) as video:
        stated = av1.read_sequence(video.stream.codec_context.extradata[4:])
        packets = list(PacketReader(video))
        assert stated is not None
        assert av1.read_sequence(memoryview(packets[0])) == stated
        assert av1.read_sequence(memoryview(packets[1])) is None
        assert all(one.pts < other.pts for one, other in pairwise(packets))
        assert not av1.keeps_nothing(memoryview(packets[0]), stated)
