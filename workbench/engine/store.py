"""Where finished vectors are kept, so that the next run does not compute them again."""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from models.base import EmbeddingSpace
from workbench.errors import InvalidParameterError, StoreError

if TYPE_CHECKING:
    from workbench.media.clips import Clip


_logger = logging.getLogger(__name__)


@runtime_checkable
class VectorStore(Protocol):
    """What ``embed(store=...)`` needs of a store. Both methods are called from a worker thread."""

    def get(self, space: EmbeddingSpace, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the float32 vectors (D,) that are there, by id; ids without one are left out."""
        ...

    def put(
        self,
        space: EmbeddingSpace,
        ids: Sequence[str],
        vectors: np.ndarray,
        *,
        clips: "Sequence[Clip] | None" = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep the rows of float32 (N, D) under the ids; an id that is there is replaced.

        A store that lasts keeps the clips' names and the provenance beside them.
        """
        ...


@runtime_checkable
class DurableStore(VectorStore, Protocol):
    """A store that outlives the session: it knows its models, and what its clips are called."""

    def recall(
        self, model_id: str, revision: str, num_frames: int | None, ids: Sequence[str]
    ) -> tuple[EmbeddingSpace, np.ndarray, dict[str, Any]] | None:
        """Give the space, the vectors (N, D) of all these ids, what made them; None if one is missing."""
        ...

    def refresh(self, space: EmbeddingSpace, clips: "Sequence[Clip]") -> int:
        """Note what clips that are in the store are called now."""
        ...

    def settle(self, space: EmbeddingSpace) -> None:
        """Get ready to be read, after vectors were put."""
        ...


def tidy_up(
    store: VectorStore | None, space: EmbeddingSpace, clips: "Sequence[Clip]", *, is_new: bool = False
) -> None:
    """Let a store that lasts note what clips are called now, and get ready to be read.

    All vectors are there already: what fails here is said and fails no run.

    Args:
        store: Any store; one that does not last is left alone.
        space: The space of the clips' vectors.
        clips: Clips that are in the store, and may have moved or be copies of each other.
        is_new: Whether vectors were put.
    """
    if not isinstance(store, DurableStore):
        return
    try:
        if clips:
            store.refresh(space, clips)
        if is_new:
            store.settle(space)
    except StoreError as error:
        _logger.warning("The vectors are kept; what follows them failed, such as noting new names: %s", error)


class MemoryStore:
    """Vectors of this session, in memory; the least recently used ones go first. Thread-safe.

    Args:
        max_bytes: Most bytes of vectors kept; 256 MiB hold 130,000 vectors of 512 numbers.

    Raises:
        InvalidParameterError: If ``max_bytes`` is not positive.

    Example:
        >>> space, store = EmbeddingSpace("me/m", "1"), MemoryStore()
        >>> store.put(space, ["a"], np.ones((1, 2), np.float32))
        >>> store.get(space, ["a", "b"])
        {'a': array([1., 1.], dtype=float32)}
    """

    def __init__(self, max_bytes: int = 256 << 20) -> None:
        if max_bytes <= 0:
            raise InvalidParameterError(f"max_bytes is {max_bytes}; it must be positive.")
        self.max_bytes = max_bytes
        self._rows: OrderedDict[tuple[str, str], np.ndarray] = OrderedDict()
        self._nbytes = 0
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes of vectors held now."""
        return self._nbytes

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        used, limit = self._nbytes / 2**20, self.max_bytes / 2**20
        return f"MemoryStore({len(self):,} vectors, {used:.1f} of {limit:.0f} MiB)"

    def get(self, space: EmbeddingSpace, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Look vectors up.

        Args:
            space: The embedding space; vectors of other spaces are never returned.
            ids: Ids of clips.

        Returns:
            Read-only float32 (D,) by id, without the ids that have none.
        """
        found = {}
        space_key = space.key
        with self._lock:
            for name in ids:
                row = self._rows.get((space_key, name))
                if row is not None:
                    self._rows.move_to_end((space_key, name))
                    found[name] = row
        return found

    def put(
        self,
        space: EmbeddingSpace,
        ids: Sequence[str],
        vectors: np.ndarray,
        *,
        clips: "Sequence[Clip] | None" = None,  # noqa: ARG002 - names and provenance are for stores that last
        provenance: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> None:
        """Keep vectors.

        Args:
            space: Their embedding space.
            ids: One id per row.
            vectors: float32 (N, D).
            clips: Not kept.
            provenance: Not kept.

        Raises:
            InvalidParameterError: If ids and rows differ in number.
        """
        if len(ids) != len(vectors):
            raise InvalidParameterError(
                f"{len(ids)} ids came with {len(vectors)} vectors; one each is needed."
            )
        space_key = space.key
        with self._lock:
            for name, vector in zip(ids, vectors, strict=True):
                row = np.array(vector, dtype=np.float32)  # a copy, or the whole batch would stay in memory
                row.setflags(write=False)
                self._drop((space_key, name))
                self._rows[space_key, name] = row
                self._nbytes += row.nbytes
            while self._nbytes > self.max_bytes and self._rows:
                self._drop(next(iter(self._rows)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._rows.clear()
            self._nbytes = 0

    def _drop(self, place: tuple[str, str]) -> None:
        """Remove one vector if it is there."""
        row = self._rows.pop(place, None)
        self._nbytes -= row.nbytes if row is not None else 0


def open_store(store: "VectorStore | str | os.PathLike[str] | None") -> VectorStore | None:
    """Open a store that is named by its folder; give any other one back.

    Args:
        store: A store, or the folder of an ``EmbeddingStore``, made when missing; None is none.

    Returns:
        The store.

    Raises:
        StoreError: If the folder holds something else.
        InvalidParameterError: If it is no store at all.

    Example:
        >>> open_store(MemoryStore())
        MemoryStore(0 vectors, 0.0 of 256 MiB)
    """
    if isinstance(store, str | os.PathLike):
        from workbench.store import EmbeddingStore
        from workbench.store.tables import check_installed

        check_installed()
        return EmbeddingStore(Path(store))
    if store is not None and not isinstance(store, VectorStore):
        raise InvalidParameterError(
            f"{store!r} is no store.", next_step="Pass a folder, an EmbeddingStore or a MemoryStore."
        )
    return store
