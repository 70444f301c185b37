"""Which moments of a clip stand for it. Arithmetic only: no file is opened here."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import InvalidClipError, InvalidParameterError

HIGHEST_FPS = 1000
SHORTEST_S = 0.001  # stores tell spans apart by the millisecond
_HAIR = 1e-9  # what sums of floats are off by


def frame_times(start_s: float, stop_s: float, num_frames: int) -> np.ndarray:
    """Choose the moments whose frames stand for one clip.

    The clip is cut into T equal parts and the middle of each is taken, so the whole clip is
    covered, its tail too, and no frame lands on a scene cut at either end. A clip with fewer
    frames than T shows frames more than once: each moment gives the frame on screen then, so
    repeats stay in order and are spread evenly.

    Args:
        start_s: Start of the clip, in seconds from the start of the video.
        stop_s: End of the clip in seconds, itself not included.
        num_frames: T, the number of frames the model expects.

    Returns:
        Increasing times in seconds, float64 of shape (T,).

    Raises:
        InvalidClipError: If the clip has no length or ``num_frames`` is below 1.

    Example:
        >>> frame_times(0.0, 8.0, num_frames=4)
        array([1., 3., 5., 7.])
    """
    whole = isinstance(num_frames, int | np.integer) and num_frames >= 1
    if not (np.isfinite(start_s) and np.isfinite(stop_s) and start_s < stop_s and whole):
        raise InvalidClipError(
            f"Cannot take {num_frames!r} frames from [{start_s}, {stop_s}) s: a clip needs start < stop "
            "and at least 1 frame, a whole number."
        )
    middles = (np.arange(num_frames) + 0.5) / num_frames
    return start_s + (stop_s - start_s) * middles


def frame_indices(num_available: int, num_frames: int) -> np.ndarray:
    """Choose which of N frames stand for one clip: the same rule on frame numbers.

    Frame ``floor((i + 0.5) * N / T)`` is taken for each i: the middle of each of T equal
    parts. With fewer frames than T, frames repeat in order, as evenly as possible.

    Args:
        num_available: N, the number of frames there are.
        num_frames: T, the number of frames the model expects.

    Returns:
        Indices in 0..N-1 that never decrease, int64 of shape (T,).

    Raises:
        InvalidClipError: If either number is below 1.

    Example:
        >>> frame_indices(15, 8)
        array([ 0,  2,  4,  6,  8, 10, 12, 14])
        >>> frame_indices(3, 8)
        array([0, 0, 0, 1, 1, 2, 2, 2])
    """
    if num_available < 1 or num_frames < 1:
        raise InvalidClipError(
            f"Cannot take {num_frames} frames from {num_available}: both must be at least 1."
        )
    # Integers all the way: floats would be off by one for some N and T.
    return (2 * np.arange(num_frames, dtype=np.int64) + 1) * num_available // (2 * num_frames)


def rate_times(start_s: float, stop_s: float, rate_fps: float) -> np.ndarray:
    """Choose moments at a rate: the start, and one every ``1 / rate_fps`` seconds before the end.

    Args:
        start_s: Start in seconds.
        stop_s: End in seconds, itself not included.
        rate_fps: Moments a second, above 0 and at most 1000.

    Returns:
        Increasing times in seconds, float64, at least one.

    Raises:
        InvalidClipError: If the stretch has no length.
        InvalidParameterError: If the rate is no number in its range.

    Example:
        >>> rate_times(1.0, 2.0, 4)
        array([1.  , 1.25, 1.5 , 1.75])
    """
    number = isinstance(rate_fps, int | float | np.number) and not isinstance(rate_fps, bool)
    if not number or not 0 < rate_fps <= HIGHEST_FPS:
        raise InvalidParameterError(
            f"A rate is {rate_fps!r}; it is a number of pictures a second above 0, at most {HIGHEST_FPS}."
        )
    if not -math.inf < start_s < stop_s < math.inf:
        raise InvalidClipError(f"Cannot sample [{start_s}, {stop_s}) s: a stretch needs start < stop.")
    return start_s + np.arange(max(1, math.ceil((stop_s - start_s) * rate_fps - _HAIR))) / rate_fps


def window_spans(
    start_s: float, stop_s: float, length_s: float, stride_s: float | None = None
) -> list[tuple[float, float]]:
    """Cut a stretch of time into windows.

    Windows begin every ``stride_s`` until one reaches the end; that one is cut there, and left out
    when less than half of it remains, unless it is the only one.

    Args:
        start_s: Start of the stretch in seconds.
        stop_s: Its end, itself not included.
        length_s: Seconds in a window, at least 0.001.
        stride_s: Seconds from one start to the next, at least 0.001; None is ``length_s``.

    Returns:
        Start and end of each window; none for a stretch without length.

    Raises:
        InvalidParameterError: If length or stride is no finite number of at least a millisecond.

    Example:
        >>> window_spans(0.0, 10.0, 4.0)
        [(0.0, 4.0), (4.0, 8.0), (8.0, 10.0)]
        >>> window_spans(0.0, 10.0, 4.0, 2.0)
        [(0.0, 4.0), (2.0, 6.0), (4.0, 8.0), (6.0, 10.0)]
    """
    stride_s = length_s if stride_s is None else stride_s
    for name, value in (("length_s", length_s), ("stride_s", stride_s)):
        check_seconds(name, value)
    if not start_s < stop_s < math.inf:
        return []
    whole_s = stop_s - start_s
    to_end = math.ceil((whole_s - length_s) / stride_s - _HAIR) + 1
    count = max(1, min(to_end, math.ceil(whole_s / stride_s - _HAIR)))
    starts = [start_s + number * stride_s for number in range(count)]
    if count > 1 and stop_s - starts[-1] < length_s / 2 - _HAIR:
        starts.pop()
    return [(start, min(start + length_s, stop_s)) for start in starts]


def check_seconds(name: str, value: Any) -> None:
    """Refuse what is no finite number of seconds of at least a millisecond.

    Raises:
        InvalidParameterError: Naming what came.
    """
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not SHORTEST_S <= value < math.inf:
        raise InvalidParameterError(
            f"{name} is {value!r}; it is a number of seconds of at least {SHORTEST_S}.",
            next_step="clips.windows(8.0, 4.0) makes windows of 8 seconds that overlap by half.",
        )


@dataclass(frozen=True)
class SamplingPolicy:
    """A named way to take T moments from a clip; the name is part of the embedding space.

    Args:
        num_frames: T, the number of frames a model expects.
        rule: How they are spread; "uniform-middle" is the only rule so far.

    Raises:
        InvalidParameterError: If the rule is unknown or ``num_frames`` is below 1.

    Example:
        >>> policy = SamplingPolicy.from_name("uniform-middle:8")
        >>> policy.name, policy.times(0.0, 16.0)[:2]
        ('uniform-middle:8', array([1., 3.]))
    """

    num_frames: int = 8
    rule: str = "uniform-middle"

    def __post_init__(self) -> None:
        if self.rule != "uniform-middle" or self.num_frames < 1:
            raise InvalidParameterError(
                f"No sampling policy {self.rule}:{self.num_frames}; write uniform-middle:T with T >= 1."
            )

    @classmethod
    def from_name(cls, name: str) -> "SamplingPolicy":
        """Read a policy back from its name, such as "uniform-middle:8"."""
        rule, _, count = name.partition(":")
        if not count.isdecimal():
            raise InvalidParameterError(f"No sampling policy {name!r}; write uniform-middle:T with T >= 1.")
        return cls(int(count), rule)

    @property
    def name(self) -> str:
        """The policy as a string: "rule:T"."""
        return f"{self.rule}:{self.num_frames}"

    def times(self, start_s: float, stop_s: float) -> np.ndarray:
        """Return the T times for one clip, as `frame_times` does."""
        return frame_times(start_s, stop_s, self.num_frames)
