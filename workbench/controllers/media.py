"""Hand the front end its pictures: posters, playable clips, the frames that the model saw."""

import io
from typing import Any

from workbench.controllers.inspect import InspectController
from workbench.errors import InvalidParameterError
from workbench.session import Session

__all__ = ["MediaProvider"]

Media = list[tuple[bytes, str]]
FRAME_SIDE = 200  # pixels: a strip shows no more


class MediaProvider:
    """The callable that galleries and players ask for media; runs in their threads.

    Args:
        session: Whose clips are shown.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.inspect = InspectController.of(session)

    @classmethod
    def of(cls, session: Session) -> "MediaProvider":
        """Return the session's one provider."""
        return session.shared(cls)

    def __call__(self, what: str, key: str) -> Media:
        """Return media of one clip.

        Args:
            what: "poster", "clip" or "frames".
            key: The clip's key.

        Returns:
            Pairs (bytes, mime): one, or one for each frame.

        Raises:
            InvalidParameterError: If no clip has this key or `what` is something else.
        """
        makers = {"poster": _poster, "clip": _clip, "frames": self._frames}
        if what not in makers or key not in set(self.session.clips.keys):
            raise InvalidParameterError(f"There is no {what!r} of {key!r} among the clips.")
        return makers[what](self.session.clips[key])

    def _frames(self, clip: Any) -> Media:
        """Return the frames that the model sees of a clip, small."""
        frames = clip.frames(self.inspect.num_frames(clip.key))
        return [(_jpeg(picture), "image/jpeg") for picture in frames.data]


def _poster(clip: Any) -> Media:
    """Return one small picture of a clip."""
    return [(clip.poster(), "image/jpeg")]


def _clip(clip: Any) -> Media:
    """Return what a browser can play or show."""
    from workbench.media.preview import browser_clip

    return [browser_clip(clip)]


def _jpeg(picture: Any) -> bytes:
    """Shrink and compress one picture."""
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((FRAME_SIDE, FRAME_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
