"""Clips and sets of clips: what the rest of the workbench works on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from workbench.media.cache import BytesCache
from workbench.media.cuts import moments_of, windows_of
from workbench.media.frames import Frames
from workbench.media.names import safe_text
from workbench.media.outcome import OutcomeReport, SourceError
from workbench.media.sampling import check_seconds, frame_times

if TYPE_CHECKING:
    import pandas as pd

_POSTERS: BytesCache[bytes] = BytesCache(64 << 20, len)
_MAX_FOLDERS_IN_KEY = 3


@dataclass(frozen=True)
class Clip:
    """A span of one video, or a still image; it stands for pixels without holding them.

    Args:
        key: Name of the clip, unique in its set: valid text on one line.
        path: The file.
        kind: "video", or "image" for a clip of one frame.
        start_s: Start of the span, in seconds from the start of the video; 0.0 for an image.
        stop_s: End of the span, itself not included; 0.0 for an image.
        width: Pixels across, upright.
        height: Pixels down, upright.
        caption: What the clip shows, where somebody wrote it down.
        content_id: Stable name of the content: the same after renaming, another after a change.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> clip = sample_clips()[0]
        >>> clip.frames(8).data.shape == (8, clip.height, clip.width, 3)
        True
    """

    key: str
    path: Path
    kind: Literal["video", "image"]
    start_s: float
    stop_s: float
    width: int
    height: int
    caption: str = ""
    content_id: str = ""

    @property
    def duration_s(self) -> float:
        """Length in seconds; 0.0 for an image."""
        return self.stop_s - self.start_s

    def frames(self, num_frames: int, *, threads: int | None = 1) -> Frames:
        """Decode the frames that stand for the clip.

        Args:
            num_frames: T, how many; see `frame_times` for which. An image gives its one frame
                whatever T.
            threads: Decoder threads. One is best where several clips are decoded at once.

        Returns:
            T upright RGB frames with their times.

        Raises:
            MediaError: If the file is gone or cannot be decoded.
            InvalidClipError: If ``num_frames`` is below 1.
        """
        from workbench.media.decode import frames_at
        from workbench.media.images import read_image

        if self.kind == "image":
            return Frames(read_image(self.path)[None], np.zeros(1))
        return frames_at(self.path, frame_times(self.start_s, self.stop_s, num_frames), threads=threads)

    def poster(self, max_side: int = 192) -> bytes:
        """Return a small JPEG of the middle of the clip, kept in memory once made.

        Raises:
            MediaError: If the file is gone or cannot be decoded.
        """
        identity = (self.content_id or str(self.path), self.start_s, self.stop_s, max_side)
        return _POSTERS.get(identity, lambda: self._make_poster(max_side))

    def _make_poster(self, max_side: int) -> bytes:
        """Decode and shrink the picture in the middle."""
        from workbench.media.decode import poster_at
        from workbench.media.images import jpeg_bytes, read_image

        if self.kind == "image":
            return jpeg_bytes(read_image(self.path), max_side)
        return jpeg_bytes(poster_at(self.path, (self.start_s + self.stop_s) / 2, max_side), max_side)

    def _repr_html_(self) -> str:
        from workbench.media.gallery_html import clip_card

        return clip_card(self)


class ClipSet(Sequence[Clip]):
    """Clips in order, each with a key of its own, and an account of what could not be read.

    Indexed by place, by key, or by a slice (a ClipSet again). Adding sets joins them: the same
    file is kept once, and keys that clash get their folders in front.

    Args:
        clips: Clips to start with; a clip that is in twice is kept once.
        outcomes: The account of how they were found.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> clips = sample_clips()
        >>> clips[clips.keys[0]] is clips[0], len(clips[:3]), len(clips + clips) == len(clips)
        (True, 3, True)
    """

    def __init__(self, clips: Iterable[Clip] = (), outcomes: OutcomeReport | None = None) -> None:
        self._clips: list[Clip] = []
        self._place: dict[str, int] = {}
        self._captions: dict[tuple[Any, ...], dict[str, int]] = {}  # of each span of a file, and where
        added, present = self._take(clips)
        self.outcomes = outcomes or OutcomeReport(added, present)

    @property
    def keys(self) -> list[str]:
        """The keys, in order."""
        return list(self._place)

    @property
    def errors(self) -> list[SourceError]:
        """What could not be had, each with its path and reason."""
        return self.outcomes.errors

    def add(self, source: Any) -> OutcomeReport:
        """Load more clips into this set.

        Args:
            source: Whatever `load_clips` takes.

        Returns:
            The account of this source alone; ``outcomes`` holds the sum.

        Raises:
            InvalidParameterError: If the source is of a type that `load_clips` does not take.

        Example:
            >>> from workbench.media.samples import sample_clips
            >>> sample_clips().add("/no/such/folder").text
            '1 missing'
        """
        from workbench.media.sources import load_clips

        loaded = load_clips(source)
        added, present = self._take(loaded)
        found = loaded.outcomes
        report = replace(found, added=added, present=(*found.present, *present))
        self.outcomes += report
        return report

    def windows(self, length_s: float, stride_s: float | None = None) -> "ClipSet":
        """Cut each video into windows; together they cost one pass over the film when embedded.

        Args:
            length_s: Seconds in a window; see `window_spans` for the end of a film.
            stride_s: Seconds from one start to the next; None lets windows follow each other.

        Returns:
            A set of windows, with keys such as "film.mp4@12.0-20.0". Images stay as they are.

        Raises:
            InvalidParameterError: If length or stride is no finite number of at least 0.001.

        Example:
            >>> from workbench.media.samples import sample_clips
            >>> sample_clips()[:1].windows(1.0).keys
            ['black-star-still.mp4@0.0-1.0', 'black-star-still.mp4@1.0-1.5']
        """
        for name, value in (("length_s", length_s), ("stride_s", length_s if stride_s is None else stride_s)):
            check_seconds(name, value)
        return self._cut(lambda clip: windows_of(clip, length_s, stride_s))

    def moments(self, num_frames: int) -> "ClipSet":
        """Take each video as the frames that stand for it: a clip of one frame each.

        ``embed(model, clips.moments(8), num_frames=1)`` gives a vector for every frame, and a search among
        them says when.

        Args:
            num_frames: T, how many frames of each video; see `frame_times` for which.

        Returns:
            A set of moments, with keys such as "film.mp4@12.5". Images stay as they are.

        Raises:
            InvalidClipError: If ``num_frames`` is below 1.

        Example:
            >>> from workbench.media.samples import sample_clips
            >>> sample_clips()[:1].moments(3).keys
            ['black-star-still.mp4@0.25', 'black-star-still.mp4@0.75', 'black-star-still.mp4@1.25']
        """
        return self._cut(lambda clip: moments_of(clip, num_frames))

    def _cut(self, parts: "Callable[[Clip], Iterable[Clip]]") -> "ClipSet":
        """Put parts in the place of each clip; the account of what could not be read stays."""
        cut = ClipSet(part for clip in self for part in parts(clip))
        cut.outcomes = replace(self.outcomes, added=tuple(cut.keys))
        return cut

    def to_frame(self) -> "pd.DataFrame":
        """Return one row a clip: key, kind, seconds, size, caption, path, content id."""
        import pandas as pd

        names = ["key", "kind", "start_s", "stop_s", "duration_s", "width", "height", "caption", "content_id"]
        rows = [{name: getattr(clip, name) for name in names} for clip in self]
        for row, clip in zip(rows, self, strict=True):
            row["path"] = safe_text(str(clip.path))
        return pd.DataFrame(rows, columns=[*names, "path"])

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self._clips)

    @overload
    def __getitem__(self, index: int | str) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> "ClipSet": ...
    def __getitem__(self, index: int | str | slice) -> "Clip | ClipSet":
        if isinstance(index, slice):
            return ClipSet(self._clips[index])
        if isinstance(index, str):
            return self._clips[self._place_of(index)]
        return self._clips[index]

    def __contains__(self, item: object) -> bool:
        return item in self._place if isinstance(item, str) else item in self._clips

    def __add__(self, other: "ClipSet") -> "ClipSet":
        if not isinstance(other, ClipSet):
            return NotImplemented
        joined = ClipSet(self._clips)
        added, present = joined._take(other)
        news = replace(other.outcomes, added=added, present=(*other.outcomes.present, *present))
        joined.outcomes = self.outcomes + news
        return joined

    def __repr__(self) -> str:
        images = sum(clip.kind == "image" for clip in self)
        return f"ClipSet({len(self) - images} clips, {images} images; {self.outcomes.text})"

    def _repr_html_(self) -> str:
        from workbench.media.gallery_html import gallery

        return gallery(self)

    def _place_of(self, key: str) -> int:
        """Find a key, or say which ones look like it."""
        if key in self._place:
            return self._place[key]
        near = get_close_matches(key, self._place, n=3)
        hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
        raise KeyError(f"no clip {key!r} among {len(self)}{hint}")

    def _take(self, clips: Iterable[Clip]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Take clips in; return the keys that are new and the paths that were there already."""
        added, present = [], []
        resolved: dict[Path, Path] = {}  # a film comes once for each of its windows
        for clip in clips:
            if clip.path not in resolved:
                resolved[clip.path] = clip.path.resolve()
            identity = (resolved[clip.path], clip.start_s, clip.stop_s)
            captions = self._captions.setdefault(identity, {})
            if clip.caption and list(captions) == [""]:  # it was there without one
                place = captions[clip.caption] = captions.pop("")
                self._clips[place] = replace(self._clips[place], caption=clip.caption)
            if captions and (not clip.caption or clip.caption in captions):
                present.append(safe_text(str(clip.path)))
                continue
            key = self._free_key(clip)
            captions[clip.caption] = len(self._clips)
            self._place[key] = len(self._clips)
            self._clips.append(clip if key == clip.key else replace(clip, key=key))
            added.append(key)
        return tuple(added), tuple(present)

    def _free_key(self, clip: Clip) -> str:
        """Return the clip's key, with folders or a number added until nobody else has it."""
        key = clip.key
        if key not in self._place:
            return key
        folders = list(clip.path.resolve().parts[1 : -1 - key.count("/")])
        for _ in range(_MAX_FOLDERS_IN_KEY):
            if key not in self._place:
                return key
            if folders:
                key = f"{safe_text(folders.pop())}/{key}"
        number = 2
        while f"{key} ({number})" in self._place:
            number += 1
        return f"{key} ({number})" if key in self._place else key
