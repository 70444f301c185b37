"""Files from the reader's machine, of any size, in small acknowledged chunks.

A websocket message over 10 MB would drop the connection, so the front end sends chunks of 1 MB
and waits for each acknowledgement before it sends the one after the next::

    {"kind": "upload", "id": "k3x-1", "op": "start", "name": "ball.mp4", "size": 2_500_000}
    {"kind": "upload", "id": "k3x-1", "op": "ready"}
    {"kind": "upload", "id": "k3x-1", "op": "chunk", "offset": 0}             and one buffer
    {"kind": "upload", "id": "k3x-1", "op": "ack", "received": 1_000_000}     for each chunk
    {"kind": "upload", "id": "k3x-1", "op": "done", "name": "ball.mp4"}
    {"kind": "upload", "id": "k3x-1", "op": "error", "error": "plain words"}  ends that file
    {"kind": "upload", "id": "k3x-1", "op": "cancel"}                         from the front end
    {"kind": "upload", "id": "k3x-1", "op": "batch"}                          all chosen files are through
"""

import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Int, Unicode

from workbench.widgets.assets import script, style
from workbench.widgets.upload_store import IncomingFile, UploadError, session_folder

logger = logging.getLogger(__name__)

MAX_CHUNK_BYTES = 4 * 2**20
MAX_OPEN_FILES = 8
MAX_ID_LENGTH = 64
_NUMBERS = itertools.count(1)


class Uploader(anywidget.AnyWidget):
    """A field to drop files on, or to click for a file chooser; each file shows its progress.

    Files arrive in a folder of this session (`folder`), removed when Python ends, under their own
    names made safe; a second ``a.mp4`` becomes ``a (2).mp4``. A file that is cancelled or fails
    leaves nothing behind.

    Args:
        folder: Where files go; a folder of the session when None.
        kwargs: Traits, such as ``max_bytes``.

    Example:
        >>> uploader = Uploader(max_bytes=500_000_000)
        >>> uploader.on_file(lambda name, path: print("arrived:", name, path))
        >>> uploader.on_batch(lambda paths: print(len(paths), "files arrived"))
    """

    _esm = script("uploader.js")
    _css = style("uploader.css")

    accept = Unicode("video/*,image/*", help="What the file chooser offers.").tag(sync=True)
    max_bytes = Int(2 * 2**30, min=1, help="Largest file taken.").tag(sync=True)
    text = Unicode("Drop clips or images here, or click to choose", help="What the field says.").tag(
        sync=True
    )

    def __init__(self, folder: Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = folder
        self._open: dict[str, IncomingFile] = {}
        self._arrived: list[Path] = []
        self._on_file: list[Callable[[str, Path], Any]] = []
        self._on_batch: list[Callable[[list[Path]], Any]] = []
        self.on_msg(self._receive)

    @property
    def folder(self) -> Path:
        """Where files arrive."""
        return self._folder or session_folder()

    def on_file(self, callback: Callable[[str, Path], Any]) -> None:
        """Call ``callback(name, path)`` for each file that has arrived, on the kernel's main thread.

        Args:
            callback: Gets the browser's name and the path. What it raises is shown beside the file.
        """
        self._on_file.append(callback)

    def on_batch(self, callback: Callable[[list[Path]], Any]) -> None:
        """Call ``callback(paths)`` when all files chosen together are through.

        Args:
            callback: Gets the paths of those that arrived (at least one), in order.
        """
        self._on_batch.append(callback)

    def close(self) -> None:
        """Close the widget and remove half-arrived files."""
        for incoming in getattr(self, "_open", {}).values():
            incoming.discard()
        self._open = {}
        super().close()

    def _receive(self, _widget: Any, content: Any, buffers: Any) -> None:
        """Check one message and act on it; a failure ends that file and is shown."""
        if not isinstance(content, dict) or content.get("kind") != "upload":
            return
        upload_id = content.get("id")
        if not (isinstance(upload_id, str) and 0 < len(upload_id) <= MAX_ID_LENGTH):
            logger.warning("Ignored an upload message without a usable id: %.200r", content)
            return
        steps = {"start": self._start, "chunk": self._chunk, "cancel": self._cancel, "batch": self._batch}
        try:
            steps.get(content.get("op", ""), self._refuse)(upload_id, content, buffers)
        except UploadError as error:
            self._fail(upload_id, str(error))
        except Exception as error:  # the edge of a callback, where ipywidgets would swallow it
            logger.exception("An upload failed")
            self._fail(upload_id, str(error) or type(error).__name__)

    def _start(self, upload_id: str, content: dict[str, Any], _buffers: Any) -> None:
        """Open a file, or say why not."""
        name, size = content.get("name"), content.get("size")
        if not isinstance(name, str) or type(size) is not int or size < 0 or upload_id in self._open:
            raise UploadError("Cannot take an upload without a name and a size.")
        if size > self.max_bytes:
            raise UploadError(f"Too large: {size / 2**20:.1f} MB; at most {self.max_bytes / 2**20:.1f} MB.")
        if len(self._open) >= MAX_OPEN_FILES:  # a page sends one at a time: the oldest was left by a reload
            self._fail(next(iter(self._open)), "Given up for a newer upload.")
        self._open[upload_id] = incoming = IncomingFile(self.folder, name, size, next(_NUMBERS))
        if incoming.complete:
            self._complete(upload_id)
        else:
            self._reply(upload_id, "ready")

    def _chunk(self, upload_id: str, content: dict[str, Any], buffers: Any) -> None:
        """Write one chunk and acknowledge it, in order."""
        incoming = self._open.get(upload_id)
        if incoming is None:
            return  # a chunk that was under way when its file was cancelled
        data = memoryview(buffers[0]) if buffers and len(buffers) == 1 else memoryview(b"")
        offset = content.get("offset")
        if type(offset) is not int or data.nbytes > MAX_CHUNK_BYTES:
            raise UploadError("Cannot take this chunk: it has no place or is too long.")
        incoming.write(offset, data.cast("B"))
        self._reply(upload_id, "ack", received=incoming.received)
        if incoming.complete:
            self._complete(upload_id)

    def _complete(self, upload_id: str) -> None:
        """Name a complete file, tell the listeners, then the front end."""
        incoming = self._open[upload_id]
        path = incoming.finish()
        del self._open[upload_id]
        self._arrived.append(path)
        for callback in self._on_file:
            callback(incoming.name, path)
        self._reply(upload_id, "done", name=path.name)

    def _cancel(self, upload_id: str, _content: dict[str, Any], _buffers: Any) -> None:
        """Remove what has arrived of a file."""
        incoming = self._open.pop(upload_id, None)
        if incoming is not None:
            incoming.discard()

    def _batch(self, _upload_id: str, _content: dict[str, Any], _buffers: Any) -> None:
        """Tell the listeners which files arrived together."""
        paths, self._arrived = self._arrived, []
        for callback in self._on_batch if paths else ():
            callback(paths)

    def _refuse(self, _upload_id: str, content: dict[str, Any], _buffers: Any) -> None:
        """Refuse an unknown step."""
        raise UploadError(f"Cannot do {content.get('op')!r:.80} with an upload.")

    def _fail(self, upload_id: str, reason: str) -> None:
        """End one file: remove its part and show the reason beside it."""
        self._cancel(upload_id, {}, None)
        self._reply(upload_id, "error", error=reason)

    def _reply(self, upload_id: str, op: str, **fields: Any) -> None:
        """Send one message about one file."""
        self.send({"kind": "upload", "id": upload_id, "op": op, **fields})
