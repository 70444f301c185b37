"""The few front-end parts that ipywidgets lacks, each usable alone in a notebook cell.

- `Gallery`: ranked cards in groups; a picture first, the clip on hover.
- `Player`: one clip, and the strip of exactly the frames that the model saw.
- `Heatmap`: scores of prompts (rows) for clips (columns); a click selects.
- `Uploader`: files from the reader's machine, of any size, in small acknowledged chunks.

None of them knows clips, models or sessions: pictures come from a ``provider(what, key)`` that
you hand over, and what the reader does arrives in traits (``selection``, ``time_s``) to be
observed or linked. Media bytes never enter a synced trait, so notebooks stay small.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.widgets.gallery import Gallery
    from workbench.widgets.heatmap import Heatmap
    from workbench.widgets.media_channel import MediaChannel
    from workbench.widgets.player import Player
    from workbench.widgets.uploader import Uploader

_EXPORTS = {
    "Gallery": "workbench.widgets.gallery",
    "Heatmap": "workbench.widgets.heatmap",
    "MediaChannel": "workbench.widgets.media_channel",
    "Player": "workbench.widgets.player",
    "Uploader": "workbench.widgets.uploader",
}

__all__ = ["Gallery", "Heatmap", "MediaChannel", "Player", "Uploader"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use and keep it."""
    if name not in _EXPORTS:
        raise AttributeError(
            f"module 'workbench.widgets' has no attribute {name!r}; it has {', '.join(sorted(_EXPORTS))}"
        )
    value = getattr(import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names without importing them."""
    return sorted(_EXPORTS)
