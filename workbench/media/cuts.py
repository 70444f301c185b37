"""One clip cut into several: windows of some length, or the frames that stand for it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.media.sampling import frame_times, window_spans

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.media.clips import Clip

__all__ = ["moments_of", "windows_of"]

_AROUND_S = 0.001  # stored ids count milliseconds: the span of a moment is one on either side


def windows_of(clip: "Clip", length_s: float, stride_s: float | None) -> "Iterator[Clip]":
    """Cut one clip; an image, or a video without length, is one window as it is."""
    spans = window_spans(clip.start_s, clip.stop_s, length_s, stride_s) if clip.kind == "video" else []
    if not spans:
        yield clip
    for start_s, stop_s in spans:
        yield replace(
            clip, key=f"{clip.key}@{_short(start_s)}-{_short(stop_s)}", start_s=start_s, stop_s=stop_s
        )


def moments_of(clip: "Clip", num_frames: int) -> "Iterator[Clip]":
    """Take the frames that stand for one clip, a clip each, whose middle is the moment of the frame."""
    if clip.kind == "image":
        yield clip
        return
    for time_s in frame_times(clip.start_s, clip.stop_s, num_frames):
        start_s, stop_s = float(time_s) - _AROUND_S, float(time_s) + _AROUND_S
        yield replace(clip, key=f"{clip.key}@{_short(float(time_s))}", start_s=start_s, stop_s=stop_s)


def _short(seconds: float) -> str:
    """Write seconds with as few decimals as a millisecond needs, at least one."""
    whole, _, decimals = f"{seconds:.3f}".partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"
