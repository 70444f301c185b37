"""The records that travel with decoded pictures: pixels with their times, facts of a file."""

from dataclasses import dataclass

import numpy as np

from workbench.errors import InvalidClipError


@dataclass(frozen=True, eq=False, repr=False)
class Frames:
    """Pictures of one clip, in order, with the moment at which each one is shown.

    Args:
        data: RGB pixels, uint8 of shape (T, H, W, 3), upright.
        times_s: Presentation times in seconds from the start of the video, float64 (T,).
        note: What had to be passed over to get them, for people; empty for a sound file.

    Raises:
        InvalidClipError: If shapes or types do not fit together.

    Example:
        >>> Frames(np.zeros((2, 240, 320, 3), np.uint8), np.array([0.5, 1.5]))
        Frames(2 frames of 320x240, 0.50 to 1.50 s)
    """

    data: np.ndarray
    times_s: np.ndarray
    note: str = ""

    def __post_init__(self) -> None:
        if self.data.ndim != 4 or self.data.shape[-1] != 3 or self.data.dtype != np.uint8:
            raise InvalidClipError(
                f"Frames are uint8 arrays of shape (T, H, W, 3); this one is {self.data.dtype} "
                f"{self.data.shape}."
            )
        if self.times_s.shape != (len(self.data),):
            raise InvalidClipError(
                f"{len(self.data)} frames need {len(self.data)} times; the times have shape "
                f"{self.times_s.shape}."
            )

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        height, width = self.data.shape[1:3]
        span = f"{self.times_s[0]:.2f} to {self.times_s[-1]:.2f} s" if len(self) else "empty"
        return f"Frames({len(self)} frames of {width}x{height}, {span})"


@dataclass(frozen=True)
class MediaInfo:
    """What the headers of one video say.

    Args:
        duration_s: Length in seconds, counted from the first picture.
        width: Pixels across, after rotation: as people see it.
        height: Pixels down, after rotation.
        fps: Mean frames a second; None when the file does not say.
        num_frames: Frames in the stream; None when the file does not say.
        codec: Name of the video codec, such as "h264".
        has_audio: True if there is at least one sound track.
        rotation: Degrees clockwise that stored pictures are turned to come out upright:
            0, 90, 180 or 270.
        container: Names of the container format, such as "mov,mp4,m4a,3gp,3g2,mj2".
        pixel_format: How pixels are stored, such as "yuv420p".
        num_video_streams: Video streams in the file, cover pictures included.

    Example:
        >>> MediaInfo(2.0, 320, 240, 24.0, 48, "h264", False, 0).codec
        'h264'
    """

    duration_s: float
    width: int
    height: int
    fps: float | None
    num_frames: int | None
    codec: str
    has_audio: bool
    rotation: int
    container: str = ""
    pixel_format: str = ""
    num_video_streams: int = 1
