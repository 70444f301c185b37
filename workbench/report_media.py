"""The pictures and clips of a report, as text that can stand in one HTML file."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import MediaError

if TYPE_CHECKING:
    from workbench.analysis.results import Ranking
    from workbench.media.clips import Clip

MAX_MEDIA_BYTES = 40 << 20  # clips beyond this show their poster only
MAX_CLIPS = 200  # columns of the heat map
POSTER_SIDE = 360


class ReportMedia:
    """The clips of a ranking as what a page can show; a file that is gone has no picture.

    Args:
        ranking: A ranking with clips, or with paths of files that are still there.
    """

    def __init__(self, ranking: "Ranking") -> None:
        self._ranking = ranking
        self._places = {key: i for i, key in enumerate(ranking.keys)}
        self._clips: dict[str, Clip | None] = {clip.key: clip for clip in ranking.clips or ()}
        self._posters: dict[str, str] = {}

    def place(self, key: str) -> int:
        """Return the number of a clip, which stands for it on the page."""
        return self._places[key]

    def caption(self, key: str) -> str:
        """Return what somebody wrote about a clip, or nothing."""
        clip = self._clip(key)
        return clip.caption if clip is not None else ""

    def poster(self, key: str) -> str:
        """Return a clip's picture as a data address, or nothing."""
        if key not in self._posters:
            clip = self._clip(key)
            make = None if clip is None else partial(_poster, clip)
            self._posters[key] = _data_url(make)
        return self._posters[key]

    def data(self, shown: Iterable[str]) -> str:
        """Return the clips as JSON that can stand in a page.

        Args:
            shown: Keys of the clips on cards; they get their media first, as long as there is room.
        """
        from workbench.media.preview import browser_clip

        shown = list(shown)
        heat = self._ranking.keys[:MAX_CLIPS]
        room = MAX_MEDIA_BYTES
        records = {}
        for key in dict.fromkeys([*shown, *heat]):
            clip = self._clip(key)
            media = _data_url(None if clip is None or room <= 0 else partial(browser_clip, clip))
            room -= len(media)
            records[self.place(key)] = {
                "key": key,
                "caption": self.caption(key),
                "kind": clip.kind if clip is not None else "",
                "poster": self.poster(key),
                "media": media if room >= 0 else "",
            }
        return json.dumps(records).replace("<", "\\u003c")

    def _clip(self, key: str) -> "Clip | None":
        """Find a clip, or open the file behind saved vectors where it is still there."""
        from workbench.media.headers import read_clip

        if key not in self._clips:
            path = Path(self._ranking.paths[self.place(key)])
            try:
                self._clips[key] = read_clip(path, key)
            except (MediaError, OSError, ValueError):
                self._clips[key] = None
        return self._clips[key]


def _poster(clip: "Clip") -> tuple[bytes, str]:
    """A clip's picture with its type."""
    return clip.poster(POSTER_SIDE), "image/jpeg"


def _data_url(make: Callable[[], tuple[bytes, str]] | None) -> str:
    """Put media into an address; a file that cannot be read has none."""
    if make is None:
        return ""
    try:
        data, mime = make()
    except MediaError:
        return ""
    return f"data:{mime};base64,{b64encode(data).decode()}"
