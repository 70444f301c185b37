"""The few front-end parts that ipywidgets lacks, each usable alone in a notebook cell.

- `Gallery`: ranked cards in groups; a picture first, the clip on hover.
- `Player`: one clip, and the strip of exactly the frames that the model saw.
- `Heatmap`: scores of prompts (rows) for clips (columns); a click selects.
- `Uploader`: files from the reader's machine, of any size, in small acknowledged chunks.

None of them knows clips, models or sessions: pictures come from a ``provider(what, key)`` that
you hand over, and what the reader does arrives in traits (``selection``, ``time_s``) to be
observed or linked. Media bytes never enter a synced trait, so notebooks stay small.
"""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

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

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
