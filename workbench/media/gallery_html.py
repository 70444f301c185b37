"""Clips as HTML: a bounded grid of small pictures, every name escaped."""

import base64
from html import escape
from typing import TYPE_CHECKING

from workbench.errors import MediaError
from workbench.media.names import shortened

if TYPE_CHECKING:
    from workbench.media.clips import Clip, ClipSet

_MAX_SHOWN = 24
_SIDE = 128
_NAME_CHARS = 40
_CARD = "width:136px;margin:4px;text-align:center;font-size:11px;overflow-wrap:anywhere"
_PICTURE = "max-width:128px;max-height:96px"


def clip_card(clip: "Clip") -> str:
    """Return one clip as a figure: picture, name, length or size, caption.

    Example:
        >>> from pathlib import Path
        >>> from workbench.media.clips import Clip
        >>> card = clip_card(Clip("<img src=x>.mp4", Path("/gone.mp4"), "video", 0.0, 2.0, 320, 240))
        >>> "<img src=x>" in card, "&lt;img src=x&gt;.mp4" in card
        (False, True)
    """
    length = f"{clip.duration_s:.1f} s" if clip.kind == "video" else "image"
    caption = f"<div>{escape(clip.caption)}</div>" if clip.caption else ""
    return (
        f'<figure style="{_CARD}" title="{escape(clip.key)}">{_picture(clip)}'
        f"<figcaption><div>{escape(shortened(clip.key, _NAME_CHARS))}</div>"
        f"<div>{length}, {clip.width}x{clip.height}</div>{caption}</figcaption></figure>"
    )


def gallery(clips: "ClipSet") -> str:
    """Return a set of clips as HTML: the account, at most 24 cards, what could not be read.

    Example:
        >>> from workbench.media.clips import ClipSet
        >>> "no clips" in gallery(ClipSet())
        True
    """
    cards = "".join(clip_card(clip) for clip in clips[:_MAX_SHOWN])
    more = len(clips) - _MAX_SHOWN
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    grid = f'<div style="display:flex;flex-wrap:wrap">{cards}</div>{rest}' if cards else "<p>no clips</p>"
    return f'<div class="wb-clips">{clips.outcomes._repr_html_()}{grid}</div>'


def _picture(clip: "Clip") -> str:
    """Return the poster as an embedded JPEG, or the reason why there is none."""
    try:
        data = base64.b64encode(clip.poster(_SIDE)).decode("ascii")
    except MediaError as error:
        return f'<div role="img" style="{_PICTURE}">{escape(str(error))}</div>'
    return f'<img alt="" style="{_PICTURE}" src="data:image/jpeg;base64,{data}">'
