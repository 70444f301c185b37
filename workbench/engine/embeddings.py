"""Vectors with their keys, and everything needed to know what they are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from models.base import EmbeddingSpace
from workbench.engine.records import EmbedStats, Skipped
from workbench.errors import EmbeddingSpaceError, InvalidParameterError
from workbench.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from workbench.engine.replay import ReplayRun
    from workbench.engine.run import EmbedRun
    from workbench.media.clips import Clip


@dataclass(frozen=True, eq=False, repr=False)
class Embeddings:
    """Unit vectors of clips, one row per key, in the order of the clips.

    Args:
        vectors: float32 (N, D), unit rows; made read-only.
        keys: One different key per row.
        space: Model, revision, preprocessing and sampling; vectors of other spaces never mix.
        skipped: Clips without a row, and why.
        clips: The clips, for thumbnails; None when loaded from a file.
        paths: One file path per row, as text.
        stats: What the run took.
        stopped: Whether the run was stopped before its end.
        notes: What had to be passed over in a clip that has a row, by key.
        provenance: When, on what device and with which versions it was made.

    Raises:
        InvalidParameterError: If rows, keys and paths do not fit together.

    Example:
        >>> space = EmbeddingSpace("me/m", "1", "rgb", "uniform-middle:8")
        >>> embeddings = Embeddings(np.eye(2, dtype=np.float32), ["a.mp4", "b.mp4"], space)
        >>> embeddings
        Embeddings(2 clips x 2 dims, me/m, uniform-middle:8)
        >>> embeddings["b.mp4"]
        array([0., 1.], dtype=float32)
    """

    vectors: np.ndarray
    keys: list[str]
    space: EmbeddingSpace
    skipped: list[Skipped] = field(default_factory=list)
    clips: "Sequence[Clip] | None" = None
    paths: list[str] = field(default_factory=list)
    stats: EmbedStats = field(default_factory=EmbedStats)
    stopped: bool = False
    notes: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    _places: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        vectors = np.ascontiguousarray(self.vectors, dtype=np.float32).view()
        vectors.setflags(write=False)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "paths", list(self.paths) or list(self.keys))
        if vectors.ndim != 2 or not len(vectors) == len(self.keys) == len(self.paths):
            raise InvalidParameterError(
                f"Vectors of shape {list(vectors.shape)} came with {len(self.keys)} keys and "
                f"{len(self.paths)} paths; (N, D) needs N of each."
            )
        places = {key: i for i, key in enumerate(self.keys)}
        if len(places) < len(self.keys):
            raise InvalidParameterError("Some keys come more than once; each row needs a key of its own.")
        object.__setattr__(self, "_places", places)

    @classmethod
    def of_run(cls, run: "EmbedRun | ReplayRun", *, stopped: bool) -> "Embeddings":
        """Collect what a run has done."""
        places, vectors, skipped = run.tally.result()
        there = [run.clips[i] for i in places]
        keys = [clip.key for clip in there]
        return cls(
            vectors,
            keys,
            run.space,
            skipped=skipped,
            clips=run.source,
            paths=[str(clip.path) for clip in there],
            stats=run.tally.stats(),
            stopped=stopped,
            notes={key: run.notes[key] for key in keys if key in run.notes},
            provenance=run.provenance,
        )

    @property
    def dim(self) -> int:
        """D, the numbers of a vector."""
        return self.vectors.shape[1]

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: object) -> bool:
        return key in self._places

    @overload
    def __getitem__(self, which: str | int) -> np.ndarray: ...
    @overload
    def __getitem__(self, which: slice | Iterable[str]) -> "Embeddings": ...
    def __getitem__(self, which: Any) -> "np.ndarray | Embeddings":
        """Return one vector by key or position; a part of the rows by slice or list of keys."""
        if isinstance(which, str):
            return self.vectors[self._place(which)]
        if isinstance(which, int | np.integer):
            return self.vectors[which]
        if isinstance(which, slice):
            return self._part(list(range(len(self)))[which])
        return self._part([self._place(key) for key in which])

    def __add__(self, other: "Embeddings") -> "Embeddings":
        """Join two sets of one embedding space; their keys must differ."""
        if not isinstance(other, Embeddings):
            return NotImplemented
        if self.space != other.space:
            raise EmbeddingSpaceError(
                f"Vectors of {_space_text(self.space)} and of {_space_text(other.space)} cannot be joined.",
                next_step="Embed both sets of clips with the same model and the same number of frames.",
            )
        return Embeddings(
            np.concatenate([self.vectors, other.vectors]),
            [*self.keys, *other.keys],
            self.space,
            skipped=[*self.skipped, *other.skipped],
            clips=[*self.clips, *other.clips] if self.clips is not None and other.clips is not None else None,
            paths=[*self.paths, *other.paths],
            stopped=self.stopped or other.stopped,
            notes=self.notes | other.notes,
            provenance=self.provenance,
        )

    def to_frame(self) -> "pd.DataFrame":
        """Return a table: ``key``, ``path``, and ``vector``, a float32 array per row."""
        import pandas as pd

        return pd.DataFrame({"key": self.keys, "path": self.paths, "vector": list(self.vectors)})

    def save(self, path: str | Path) -> Path:
        """Write to a .parquet or .npz file; an interrupted write leaves the old file as it was.

        Args:
            path: Where to; the ending chooses the format. The folder must be there.

        Returns:
            The path.

        Raises:
            InvalidParameterError: If the ending is another one or the folder is missing.
        """
        from workbench.engine.files import save_embeddings

        return save_embeddings(self, path)

    @staticmethod
    def load(path: str | Path) -> "Embeddings":
        """Read a file that ``save`` wrote. Nothing in it is executed.

        Args:
            path: A .parquet or .npz file.

        Returns:
            The same vectors, keys, space, skipped clips and figures; without the clips.

        Raises:
            SourceNotFoundError: If there is no such file.
            EmbeddingsFileError: If it was not written by ``save``.
        """
        from workbench.engine.files import load_embeddings

        return load_embeddings(path)

    def __repr__(self) -> str:
        parts = [f"{counted(len(self), 'clip')} x {self.dim} dims", self.space.model_id, self.space.sampling]
        parts += [f"{len(self.skipped):,} skipped"] if self.skipped else []
        parts += ["stopped early"] if self.stopped else []
        return f"Embeddings({', '.join(part for part in parts if part)})"

    def _repr_html_(self) -> str:
        from workbench.reprs import embeddings_html

        return embeddings_html(self)

    def _place(self, key: str) -> int:
        """Find a key's row, or say which keys there are."""
        if key in self._places:
            return self._places[key]
        for one in self.skipped:
            if one.key == key:
                raise InvalidParameterError(f"{key!r} has no row, it was skipped: {one.reason}")
        some = ", ".join(repr(other) for other in self.keys[:3])
        raise InvalidParameterError(f"No key {key!r}; there are {len(self):,}, such as {some}.")

    def _part(self, places: list[int]) -> "Embeddings":
        """Some of the rows."""
        keys = [self.keys[i] for i in places]
        return Embeddings(
            self.vectors[places],
            keys,
            self.space,
            clips=self.clips,
            paths=[self.paths[i] for i in places],
            stopped=self.stopped,
            notes={key: self.notes[key] for key in keys if key in self.notes},
            provenance=self.provenance,
        )


def _space_text(space: EmbeddingSpace) -> str:
    """Name a space in an error message."""
    revision = f"@{space.revision}" if space.revision else ""
    return f"{space.model_id}{revision} ({', '.join(filter(None, (space.preprocessing, space.sampling)))})"
