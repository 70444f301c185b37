"""Pictures and clips for a widget, sent when it asks and never kept in its state.

The front end asks with one message, Python answers with one (see ``media.js``)::

    {"kind": "media", "id": "k3x-7", "what": "poster" | "clip" | "frames", "key": "ball.mp4"}
    {"kind": "media", "id": "k3x-7", "ok": True, "mime": ["image/jpeg"]}   and one buffer for each
    {"kind": "media", "id": "k3x-7", "ok": False, "error": "plain words"}
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anywidget
from traitlets import Int

logger = logging.getLogger(__name__)

Provider = Callable[[str, str], Sequence[tuple[bytes, str]]]
"""``provider(what, key) -> [(bytes, mime), ...]``: one item, or for ``"frames"`` one for each frame."""

KINDS_OF_MEDIA = ("poster", "clip", "frames")
MAX_THREADS = 2
MAX_ID_LENGTH = 64
MAX_KEY_LENGTH = 4096


class MediaChannel(anywidget.AnyWidget):
    """Base of the widgets that show media: answers their requests from a small pool of threads.

    The provider runs in at most two threads of this widget, off the kernel's main thread, so
    decoding never makes the notebook wait. What it raises is logged and shown where the picture
    would have been. Requests that are still waiting when the widget is closed are dropped.

    Args:
        provider: Called as ``provider(what, key)`` with ``what`` one of ``"poster"``, ``"clip"``,
            ``"frames"``; returns a list of ``(bytes, mime)``. None: every request says so.
        kwargs: Traits of the widget.

    Example:
        >>> channel = MediaChannel(lambda what, key: [(b"...", "image/jpeg")])
        >>> channel.media_version
        0
        >>> channel.refresh()  # the same keys now name other media: fetch them again
        >>> channel.media_version
        1
    """

    media_version = Int(0, help="Counts up when media must be fetched again.").tag(sync=True)

    _pool: ThreadPoolExecutor | None = None
    _shut = False

    def __init__(self, provider: Provider | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._provider = provider
        self.on_msg(self._receive)

    @property
    def provider(self) -> Provider | None:
        """What answers requests; setting it makes the front end fetch everything again."""
        return self._provider

    @provider.setter
    def provider(self, provider: Provider | None) -> None:
        self._provider = provider
        self.refresh()

    def refresh(self) -> None:
        """Make the front end let go of what it fetched and ask again for what it shows."""
        self.media_version += 1

    def close(self) -> None:
        """Close the widget; requests not yet started are dropped, replies under way not sent."""
        self._shut = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """Check one message and hand it to the pool; what is no media request is not ours."""
        if not isinstance(content, dict) or content.get("kind") != "media" or self._shut:
            return
        request_id, what, key = content.get("id"), content.get("what"), content.get("key")
        if not (isinstance(request_id, str) and 0 < len(request_id) <= MAX_ID_LENGTH):
            logger.warning("Ignored a media request without a usable id: %.200r", content)
        elif what not in KINDS_OF_MEDIA:
            self._refuse(request_id, f"Cannot send {what!r:.80}: media are {', '.join(KINDS_OF_MEDIA)}.")
        elif not (isinstance(key, str) and 0 < len(key) <= MAX_KEY_LENGTH):
            self._refuse(request_id, "Cannot send media without a key.")
        else:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="workbench-media")
            self._pool.submit(self._answer, request_id, what, key)

    def _answer(self, request_id: str, what: str, key: str) -> None:
        """Fetch from the provider and reply. Runs in a thread of the pool."""
        if self._shut:
            return
        try:
            media = self._fetch(what, key)
        except Exception as error:  # the edge of a thread: whatever it is, the reader must see it
            reason = _plain(error)
            logger.warning("No %s of %r: %s", what, key, reason)
            logger.debug("The trace of that", exc_info=True)
            self._refuse(request_id, reason)
            return
        content = {"kind": "media", "id": request_id, "ok": True, "mime": [mime for _, mime in media]}
        self._reply(content, [data for data, _ in media])

    def _fetch(self, what: str, key: str) -> list[tuple[bytes, str]]:
        """Return what the provider has, checked."""
        if self._provider is None:
            raise LookupError("This widget has no provider of media.")
        media = [_checked(item) for item in self._provider(what, key)]
        if not media:
            raise LookupError(f"There is no {what} of {key!r}.")
        return media

    def _refuse(self, request_id: str, reason: str) -> None:
        """Reply with the reason in plain words."""
        self._reply({"kind": "media", "id": request_id, "ok": False, "error": reason}, [])

    def _reply(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        """Send, unless the widget was closed meanwhile."""
        if not self._shut:
            self.send(content, buffers)


def _checked(item: Any) -> tuple[bytes, str]:
    """Return one (bytes, mime) of a provider, or say what came instead."""
    data, mime = item if isinstance(item, tuple) and len(item) == 2 else (None, None)
    if not (isinstance(data, (bytes, bytearray, memoryview)) and isinstance(mime, str)):
        raise TypeError(f"A provider returns (bytes, mime) items; got {type(item).__name__}.")
    return bytes(data), mime


def _plain(error: Exception) -> str:
    """Return an error's own words, or its name when it has none."""
    return str(error) or type(error).__name__
