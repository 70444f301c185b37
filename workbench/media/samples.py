"""The bundled clips and images, rendered by SpriteCLIP's own renderer, with captions and prompts."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from models.json_text import read_json
from workbench.media.clips import ClipSet
from workbench.media.outcome import OutcomeReport

_FOLDER = Path(__file__).parent / "sample_data"


def sample_clips(*, include_images: bool = False) -> ClipSet:
    """Load the clips that come with the workbench.

    Args:
        include_images: Whether the bundled still images follow the clips.

    Returns:
        Short clips in natural order of their names, each with a caption.

    Example:
        >>> clips = sample_clips()
        >>> clips[0].caption
        'a black star standing still on a white background'
        >>> {clip.kind for clip in sample_clips(include_images=True)} == {"video", "image"}
        True
    """
    loaded = _all_samples()
    videos = [clip for clip in loaded if clip.kind == "video"]
    images = [clip for clip in loaded if clip.kind == "image"] if include_images else []
    clips = ClipSet([*videos, *images])
    clips.outcomes = OutcomeReport(tuple(clips.keys), broken=loaded.outcomes.broken)
    return clips


def sample_prompts() -> list[str]:
    """Return texts to rank the sample clips with; each is right for exactly one clip.

    Example:
        >>> sample_prompts()[0]
        'a blue star that spins'
    """
    return list(_facts()["prompts"])


def sample_answers() -> dict[str, str]:
    """Return the key of the one right clip for each sample prompt.

    Example:
        >>> sample_answers()["a blue star that spins"]
        'blue-star-spinning.mp4'
    """
    return dict(_facts()["prompts"])


@cache
def _facts() -> dict[str, Any]:
    """Read the captions and prompts that lie beside the samples."""
    return read_json(_FOLDER / "captions.json")


@cache
def _all_samples() -> ClipSet:
    """Read the headers of all samples once."""
    from workbench.media.sources import load_clips

    loaded = load_clips(_FOLDER)
    captions = _facts()["captions"]
    captioned = [replace(clip, caption=captions.get(clip.key, {}).get("caption", "")) for clip in loaded]
    return ClipSet(captioned, loaded.outcomes)
