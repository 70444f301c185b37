"""Any source turned into clips with keys of their own, and the ids under which stores keep them."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InvalidParameterError, NothingToEmbedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.media.clips import Clip


def as_clips(source: Any) -> "Sequence[Clip]":
    """Turn clips, or anything ``load_clips`` takes, into clips that can be embedded.

    Args:
        source: A ClipSet, a list of clips, a path, a folder, a glob, or a list of these.

    Returns:
        The clips, at least one, with different keys.

    Raises:
        NothingToEmbedError: If there is no clip.
        InvalidParameterError: If two clips have the same key.
    """
    clips = source if _are_clips(source) else _load(source)
    if len(clips) == 0:
        errors = getattr(clips, "errors", [])
        why = (
            f" {len(errors)} could not be read, first {errors[0].path}: {errors[0].reason}" if errors else ""
        )
        raise NothingToEmbedError(f"There is no clip to embed.{why}", next_step="Load clips or images first.")
    twice = [key for key, count in Counter(clip.key for clip in clips).items() if count > 1]
    if twice:
        raise InvalidParameterError(
            f"{len(twice)} clip keys come more than once, for example {twice[0]!r}; each row needs a key of "
            "its own.",
            next_step="Join sets of clips with `+`, which makes their keys different.",
        )
    return clips


def stored_id(clip: "Clip") -> str:
    """Name a clip for a store: its content and its span, whatever the file is called.

    Args:
        clip: A clip of a ClipSet.

    Returns:
        Content id, and for a video the span in milliseconds. A clip without a content id is known by
        its path, size and time of change.
    """
    content = clip.content_id or _file_id(clip.path)
    if clip.kind == "image":
        return content
    return f"{content}@{round(clip.start_s * 1000)}-{round(clip.stop_s * 1000)}"


def sharing_content(clips: "Iterable[Clip]") -> "list[Clip]":
    """Find the clips of which another has the same content and span.

    Args:
        clips: Any clips.

    Returns:
        Those that `stored_id` cannot tell from another, in their order.
    """
    named = [(stored_id(clip), clip) for clip in clips]
    counts = Counter(name for name, _ in named)
    return [clip for name, clip in named if counts[name] > 1]


def _are_clips(source: Any) -> bool:
    """Tell a ClipSet or a list of clips from something that must be loaded."""
    if hasattr(source, "outcomes") and hasattr(source, "keys"):
        return True
    listed = isinstance(source, list | tuple)
    return listed and all(hasattr(clip, "frames") and hasattr(clip, "key") for clip in source)


def _file_id(path: Any) -> str:
    """Name a file as it is now."""
    try:
        facts = Path(path).stat()
    except OSError:  # it cannot be decoded either, so nothing will be stored under this name
        return f"{path}"
    return f"{path}:{facts.st_size}:{facts.st_mtime_ns}"


def _load(source: Any) -> "Sequence[Clip]":
    """Load clips through the media package."""
    from workbench.media.sources import load_clips

    return load_clips(source)
