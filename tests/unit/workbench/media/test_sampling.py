import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InvalidClipError, InvalidParameterError
from workbench.media.sampling import SamplingPolicy, frame_indices, frame_times, window_spans

counts = st.integers(1, 400)
seconds = st.floats(0, 1e5)


@given(start=seconds, length=st.floats(1e-3, 1e4), num_frames=counts)
def test_frame_times__inside_increasing_and_even(start: float, length: float, num_frames: int) -> None:
    times = frame_times(start, start + length, num_frames)
    assert times.shape == (num_frames,)
    assert times.dtype == np.float64
    assert start <= times[0]
    assert times[-1] <= start + length
    assert (np.diff(times) >= 0).all()
    if num_frames > 1:
        part = length / num_frames
        np.testing.assert_allclose(np.diff(times), part, atol=1e-9 * max(1, start))
        np.testing.assert_allclose(
            [times[0] - start, start + length - times[-1]], part / 2, atol=1e-9 * max(1, start)
        )


@given(num_available=counts, num_frames=counts)
def test_frame_indices__cover_the_whole_clip(num_available: int, num_frames: int) -> None:
    indices = frame_indices(num_available, num_frames)
    assert indices.shape == (num_frames,)
    assert indices.min() >= 0
    assert indices.max() < num_available
    assert (np.diff(indices) >= 0).all()
    part = num_available / num_frames
    assert indices[0] <= part
    assert indices[-1] >= num_available - 1 - part
    assert indices.tolist() == [int((i + 0.5) * part + 1e-9) for i in range(num_frames)]


@given(num_available=counts, num_frames=counts)
def test_frame_indices__mirror_image(num_available: int, num_frames: int) -> None:
    indices = frame_indices(num_available, num_frames)
    gaps = indices + indices[::-1] - (num_available - 1)
    assert set(gaps.tolist()) <= {0, 1}  # 1 only where a middle falls exactly between two frames


@given(num_available=counts, num_frames=counts)
def test_frame_indices__few_frames_repeat_evenly(num_available: int, num_frames: int) -> None:
    repeats = np.bincount(frame_indices(num_available, num_frames), minlength=num_available)
    if num_frames >= num_available:
        assert repeats.min() >= 1
        assert repeats.max() - repeats.min() <= 1


@given(num_frames=counts, num_available=counts, fps=st.sampled_from([10, 24, 30, 60]))
def test_frame_indices__are_the_frames_shown_at_frame_times(
    num_frames: int, num_available: int, fps: int
) -> None:
    times = frame_times(0, num_available / fps, num_frames)
    shown = np.floor(times * fps + 1e-6).astype(int)
    assert shown.tolist() == frame_indices(num_available, num_frames).tolist()


@pytest.mark.parametrize("span", [(3.0, 3.0), (2.0, 1.0), (0.0, np.nan), (-np.inf, 0.0)])
def test_frame_times__no_length(span: tuple[float, float]) -> None:
    with pytest.raises(InvalidClipError, match="a clip needs start < stop"):
        frame_times(*span, num_frames=4)


def test_frame_times__no_frames() -> None:
    with pytest.raises(InvalidClipError, match=r"Cannot take 0 frames from \[0.0, 1.0\) s"):
        frame_times(0.0, 1.0, 0)


def test_frame_indices__nothing_to_take() -> None:
    for numbers in [(0, 8), (8, 0), (-1, 8)]:
        with pytest.raises(InvalidClipError, match="at least 1"):
            frame_indices(*numbers)


@pytest.mark.parametrize("name", ["uniform-middle", "uniform-middle:0", "uniform-middle:x", "random:8", ""])
def test_sampling_policy__unknown_name(name: str) -> None:
    with pytest.raises(InvalidParameterError, match="uniform-middle:T"):
        SamplingPolicy.from_name(name)


def test_sampling_policy__name_and_back() -> None:
    assert SamplingPolicy.from_name(SamplingPolicy(16).name) == SamplingPolicy(16)


@given(
    start=seconds,
    whole=st.floats(0.01, 500),
    length=st.floats(0.5, 600),
    stride=st.floats(0.5, 600) | st.none(),
)
def test_window_spans__even_steps_to_the_end(
    start: float, whole: float, length: float, stride: float | None
) -> None:
    stop = start + whole
    spans = window_spans(start, stop, length, stride)
    step = length if stride is None else stride
    assert spans[0][0] == start
    np.testing.assert_allclose([span[0] for span in spans], start + step * np.arange(len(spans)))
    for first, last in spans[:-1]:
        assert last - first == pytest.approx(length, abs=1e-6)
    first, last = spans[-1]
    assert first < last <= stop
    assert len(spans) == 1 or last - first >= length / 2 - 1e-6
    left_out = stop - max(last, first + step)
    assert last == stop or left_out < max(length / 2, 1e-6) + 1e-6


@pytest.mark.parametrize(
    ("span", "cut", "expected"),
    [
        ((0, 10), (4,), [(0, 4), (4, 8), (8, 10)]),
        ((0, 9.9), (4,), [(0, 4), (4, 8)]),
        ((0, 1), (4,), [(0, 1)]),
        ((0, 12), (4,), [(0, 4), (4, 8), (8, 12)]),
        ((2, 10), (4, 2), [(2, 6), (4, 8), (6, 10)]),
        ((0, 30), (4, 13), [(0, 4), (13, 17), (26, 30)]),
        ((3, 3), (4,), []),
    ],
)
def test_window_spans__ends(span, cut, expected) -> None:
    assert window_spans(*span, *cut) == expected


@pytest.mark.parametrize("wrong", [0, -1.0, np.nan, np.inf, "8", True, [8], 1e-6])
def test_window_spans__no_seconds(wrong) -> None:
    with pytest.raises(InvalidParameterError, match=r"length_s is .* seconds of at least 0.001"):
        window_spans(0.0, 9.0, wrong)
    with pytest.raises(InvalidParameterError, match="stride_s is"):
        window_spans(0.0, 9.0, 1.0, wrong)
