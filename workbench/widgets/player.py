"""One clip, and the strip of exactly the frames that the model saw."""

from collections.abc import Sequence
from typing import Any

from traitlets import Float, List, Unicode

from workbench.widgets.assets import script, style
from workbench.widgets.media_channel import MediaChannel, Provider


class Player(MediaChannel):
    """A looping clip with its controls; below it the frames the model saw, with their times.

    A click on a frame seeks to its time. While the clip plays, the frame nearest to the current
    time is marked. Set several traits at once with `show`.

    Args:
        provider: ``provider(what, key) -> [(bytes, mime)]``, see `MediaChannel`; asked for
            ``"clip"`` (one item, video or image) and ``"frames"`` (one item for each time).
        kwargs: Traits.

    Example:
        >>> player = Player(lambda what, key: [(b"...", "video/mp4")])
        >>> player.show("ball.mp4", detail="2.0 s, 320 x 240", frame_times_s=[0.5, 1.5])
        >>> player.title, player.frame_times_s
        ('ball.mp4', [0.5, 1.5])
    """

    _esm = script("media.js", "player.js")
    _css = style("player.css")

    key = Unicode("", help="Key of the clip shown; empty: none.").tag(sync=True)
    title = Unicode("", help="First line under the clip.").tag(sync=True)
    detail = Unicode("", help="Second line: length, size, score.").tag(sync=True)
    frame_times_s = List(Float(), help="Times of the frames the model saw, in seconds.").tag(sync=True)
    time_s = Float(0.0, help="Where the reader paused or seeked to; set it to seek.").tag(sync=True)
    media_start_s = Float(0.0, help="Time in the source at which the media sent begins.").tag(sync=True)
    empty_text = Unicode("Select a clip to look at it.", help="What to do without a clip.").tag(sync=True)
    strip_text = Unicode("What the model saw", help="Heading of the strip.").tag(sync=True)

    def __init__(self, provider: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(provider, **kwargs)

    def show(
        self,
        key: str,
        *,
        title: str | None = None,
        detail: str = "",
        frame_times_s: Sequence[float] = (),
        media_start_s: float = 0.0,
    ) -> None:
        """Show a clip: all traits reach the front end as one update.

        Args:
            key: The clip's key, as the provider knows it; empty shows the empty state.
            title: First line; the key when None.
            detail: Second line.
            frame_times_s: Times of the frames the model saw, seconds from the start of the source.
            media_start_s: Time in the source at which the media that the provider sends begins.
        """
        with self.hold_sync():
            self.key = key
            self.title = key if title is None else title
            self.detail = detail
            self.frame_times_s = [float(t) for t in frame_times_s]
            self.media_start_s = media_start_s
            self.time_s = media_start_s
