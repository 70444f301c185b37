"""Many spans in one pass: each gets what it gets alone, and no packet is decoded twice."""

from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from make_data import cut, ramp_numbers, write_ramp

from workbench.errors import ClipDecodeError, InvalidClipError, SourceNotFoundError
from workbench.media import onepass, spans
from workbench.media.decode import frames_at
from workbench.media.sampling import frame_times, window_spans
from workbench.media.spans import decode_from_start, frames_of_spans

FILM = {"textured": True, "num_frames": 120, "width": 96, "height": 64, "b_frames": 3, "gop": 10}
OPEN = {"options": {"x264-params": "open-gop=1:b-adapt=0:scenecut=0"}}
X265_OPEN = {"x265-params": "open-gop=1:bframes=3:b-adapt=0:log-level=none"}
KINDS = {
    "b-frames.mp4": {},
    "open-gop.mp4": OPEN,
    "one-gop.mp4": {"gop": 300},
    "open-gop.mkv": {"codec": "libx265", "options": X265_OPEN},
    "all-intra.mp4": {"gop": 1, "b_frames": 0},
    "intra-refresh.mp4": {"b_frames": 0, "options": {"x264-params": "intra-refresh=1"}},
    "transport.ts": {},
    "vp9.webm": {
        "codec": "libvpx-vp9",
        "b_frames": 0,
        "options": {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16"},
    },
    "strange.avi": {},  # reordered frames in AVI are decoded from the start
}


def moments(length_s: float, stride_s: float, num_frames: int = 4, stop_s: float = 12.0) -> list[np.ndarray]:
    return [frame_times(*span, num_frames) for span in window_spans(0.0, stop_s, length_s, stride_s)]


@pytest.fixture
def fed(monkeypatch) -> Counter:
    """Counts how often each packet is fed to a decoder."""
    counts: Counter = Counter()

    class Counting:
        def __init__(self, decoder) -> None:
            self.__dict__["decoder"] = decoder

        def __getattr__(self, name):
            return getattr(self.decoder, name)

        def __setattr__(self, name, value) -> None:
            setattr(self.decoder, name, value)

        def decode(self, packet=None):
            if packet is not None:
                counts[packet.pts] += 1
            return self.decoder.decode(packet)

    opened = spans.open_video

    @contextmanager
    def counting(path, threads=None, *, brief=False):
        with opened(path, threads, brief=brief) as video:
            yield replace(video, decoder=Counting(video.decoder))

    monkeypatch.setattr(spans, "open_video", counting)
    return counts


def assert_same_as_alone(path: Path, wanted: list[np.ndarray]) -> None:
    together = list(frames_of_spans(path, wanted))
    assert len(together) == len(wanted)
    for got, times in zip(together, wanted, strict=True):
        alone = frames_at(path, times, threads=1)
        np.testing.assert_array_equal(got.data, alone.data)
        np.testing.assert_array_equal(got.times_s, alone.times_s)
        assert got.note == alone.note


@pytest.mark.parametrize("whole_file_bytes", [1 << 25, 1000], ids=["whole", "long"])
@pytest.mark.parametrize("name", KINDS)
def test_frames_of_spans__equal_each_alone(name: str, whole_file_bytes: int, tmp_path, monkeypatch) -> None:
    path = write_ramp(tmp_path / name, **FILM | KINDS[name])
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", whole_file_bytes)
    monkeypatch.setattr(onepass, "_WINDOW_S", 0.7)
    for length_s, stride_s in ((3.0, 1.5), (0.5, 3.0)):
        assert_same_as_alone(path, moments(length_s, stride_s))


@pytest.mark.parametrize("name", [name for name in KINDS if name != "strange.avi"])
def test_frames_of_spans__no_packet_is_decoded_twice(name: str, tmp_path, monkeypatch, fed) -> None:
    path = write_ramp(tmp_path / name, **FILM | KINDS[name])
    monkeypatch.setattr(spans, "decode_from_start", None)
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", 1000)
    monkeypatch.setattr(onepass, "_WINDOW_S", 0.7)
    assert len(list(frames_of_spans(path, moments(2.0, 0.5, 8)))) == 21
    assert set(fed.values()) == {1}
    assert 40 < len(fed) <= 120


def test_frames_of_spans__what_lies_between_far_spans_is_not_decoded(tmp_path, monkeypatch, fed) -> None:
    path = write_ramp(tmp_path / "film.mp4", **FILM)
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", 1000)
    monkeypatch.setattr(onepass, "_WINDOW_S", 1.0)
    list(frames_of_spans(path, [np.array([0.05]), np.array([6.05]), np.array([11.05])]))
    assert 3 <= len(fed) <= 30


def test_frames_of_spans__come_as_soon_as_they_are_complete(tmp_path, fed) -> None:
    path = write_ramp(tmp_path / "film.mp4", **FILM)
    stream = frames_of_spans(path, moments(1.0, 1.0))
    next(stream)
    assert len(fed) < 30
    stream.close()


def test_frames_of_spans__in_any_order(ramp: Path) -> None:
    wanted = [[2.05, 0.05], [0.05, 0.05], [99.0], [-1.0]]
    got = [ramp_numbers(frames.data) for frames in frames_of_spans(ramp, wanted)]
    assert got == [[20, 0], [0, 0], [29], [0]]
    assert list(frames_of_spans(ramp, [])) == []


@pytest.mark.parametrize("whole_file_bytes", [1 << 25, 1000], ids=["whole", "long"])
def test_frames_of_spans__go_on_from_the_start_where_the_fast_way_ends(
    whole_file_bytes, tmp_path, monkeypatch
) -> None:
    path = write_ramp(tmp_path / "film.mp4", **FILM)
    expected = [frames_at(path, times).data for times in moments(1.0, 0.5)]
    monkeypatch.setattr(onepass, "WHOLE_FILE_BYTES", whole_file_bytes)
    fast, slow = spans.decode_fast, spans.decode_from_start
    left_for_the_slow_way = []

    def breaking(video, times_s):
        for number, shown in enumerate(fast(video, times_s)):
            if number == 20:
                raise onepass.StrangeFileError("odd")
            yield shown

    def watched(path, left, **options):
        left_for_the_slow_way.append(len(left))
        return slow(path, left, **options)

    monkeypatch.setattr(spans, "decode_fast", breaking)
    monkeypatch.setattr(spans, "decode_from_start", watched)
    got = list(frames_of_spans(path, moments(1.0, 0.5)))
    np.testing.assert_array_equal(np.stack([frames.data for frames in got]), np.stack(expected))
    assert 0 < left_for_the_slow_way[0] < len(expected)


def test_frames_of_spans__of_a_file_cut_short(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "film.ts", **FILM)
    assert_same_as_alone(cut(path, tmp_path / "short.ts", 0.6), moments(1.0, 0.5))


def test_frames_of_spans__broken_requests(ramp: Path, tmp_path: Path) -> None:
    for wrong in ([[]], [[0.0], [np.nan]], [[[0.0]]]):
        with pytest.raises(InvalidClipError, match="at least one number"):
            frames_of_spans(ramp, wrong)
    with pytest.raises(SourceNotFoundError):
        next(frames_of_spans(tmp_path / "no.mp4", [[0.0]]))
    (tmp_path / "bad.mp4").write_bytes(ramp.read_bytes()[:500])
    with pytest.raises(ClipDecodeError):
        next(frames_of_spans(tmp_path / "bad.mp4", [[0.0]]))


def test_decode_from_start__equals_the_fast_way(ramp: Path) -> None:
    times = np.array([2.0, 0.31, 0.32, 2.99])
    fast, slow = frames_at(ramp, times), next(decode_from_start(ramp, deque([times])))
    np.testing.assert_array_equal(fast.data, slow.data)
    np.testing.assert_array_equal(fast.times_s, slow.times_s)


def test_frames_of_spans__closed_early_again_and_again_never_hangs(tmp_path: Path) -> None:
    path = write_ramp(tmp_path / "film.mp4", **FILM)
    for _ in range(50):
        stream = frames_of_spans(path, [[0.0], [11.0]], threads=0)
        assert len(next(stream)) == 1
        stream.close()
