"""EmbeddingStore: durable vectors with their provenance, safe for several writers at once, searchable."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.counts import check_count
from models.packaging.folder import folder_bytes
from models.vectors import EmbeddingSpace
from workbench.engine.adapter import load_if_named
from workbench.errors import InvalidParameterError
from workbench.store.folder import write_lock
from workbench.store.index import IndexReport, build, read_report
from workbench.store.pruning import stale_rows
from workbench.store.records import SpaceInfo, StoreInfo
from workbench.store.renames import copies_of, outdated, with_names
from workbench.store.results import SearchResult
from workbench.store.search import indexed_hits, places_of, query_vector, run_search
from workbench.store.snapshot import Snapshot, open_snapshot, table_signature
from workbench.store.spaces import check_model, choose_space
from workbench.store.stored_vectors import StoredVectors
from workbench.store.tables import told_plainly

if TYPE_CHECKING:
    import pandas as pd

    from workbench.media.clips import Clip

__all__ = ["EmbeddingStore"]


class EmbeddingStore(StoredVectors):
    """Vectors on disk, one table for each embedding space, each row with where it comes from.

    ``embed(..., store=EmbeddingStore(path))`` skips what is there and commits batch by batch, so a run
    that was killed goes on where it was. Several processes may write at once: a row is there once.
    Opening costs nothing; LanceDB is imported when vectors are read or written.

    Args:
        path: A folder, made when the first vectors are written.

    Raises:
        StoreError: If the folder holds something else, or was written by a newer version.

    Example:
        >>> import tempfile
        >>> space, store = EmbeddingSpace("me/m", "1"), EmbeddingStore(tempfile.mkdtemp())
        >>> store.put(space, ["a", "b"], np.eye(2, dtype=np.float32))
        >>> store.get(space, ["b", "c"])
        {'b': array([0., 1.], dtype=float32)}
    """

    def recall(
        self, model_id: str, revision: str, num_frames: int | None, ids: Sequence[str]
    ) -> tuple[EmbeddingSpace, np.ndarray, dict[str, Any]] | None:
        """Look up vectors of a model that is not loaded.

        Args:
            model_id: Its id.
            revision: Its version.
            num_frames: T, the frames a clip was seen by; None when the model's own is meant.
            ids: Ids of clips.

        Returns:
            Space, vectors (N, D) and provenance; None when an id is missing, or when it is not clear
            which space is meant.
        """
        space = self.known_space(model_id, revision, num_frames)
        found = None if space is None else self.snapshot(space).rows_of(ids)
        if space is None or found is None:
            return None
        return space, found[0], self.provenance(found[1])

    def known_space(self, model_id: str, revision: str, num_frames: int | None) -> EmbeddingSpace | None:
        """Find the space of a model that is not loaded.

        Args:
            model_id: Its id.
            revision: Its version.
            num_frames: T, the frames a clip is seen by; None when the model's own is meant.

        Returns:
            The space; None when there is none, or several that may be meant.
        """
        spaces = [one for one in self.spaces() if (one.model_id, one.revision) == (model_id, revision)]
        fitting = [one for one in spaces if self._was_seen_by(one, num_frames)]
        return fitting[0] if len(fitting) == 1 else None

    def _was_seen_by(self, space: EmbeddingSpace, num_frames: int | None) -> bool:
        """Whether clips of a space were seen by so many frames; all of one space by the same."""
        runs = filter(None, self.snapshot(space).rows["run"].unique().to_pylist())
        made = next((known for run in runs if (known := self.provenance(run))), {})
        return bool(made.get("own_frames")) if num_frames is None else made.get("frames") == num_frames

    def settle(self, space: EmbeddingSpace) -> None:
        """Make reading fast after writing: the next search or run needs no database."""
        self.snapshot(space)

    def refresh(self, space: EmbeddingSpace, clips: "Sequence[Clip]") -> int:
        """Write down what clips that are in the store are called now; no vector is computed or lost.

        Args:
            space: Their embedding space.
            clips: Clips; those whose file has moved since, or that have another caption now, get their new
                key, path and caption. Files of the same content are noted as copies of the first.

        Returns:
            How many.

        Raises:
            StoreError: If the store cannot be read or written.
        """
        snapshot = self.snapshot(space)
        changed = outdated(snapshot, clips)
        if changed:
            with self._guard, told_plainly("Writing to", self.path), write_lock(self.path):
                table = self._table_for(space, snapshot.vectors.shape[1])
                table.write(with_names(table.rows_of(list(changed)), changed))
        return len(changed)

    def prune(self, *, space: EmbeddingSpace | str | None = None, dry_run: bool = False) -> "pd.DataFrame":
        """Drop the vectors of files that are gone, or that hold something else by now.

        A vector of whose content a copy is there stays, under the path of the copy. Files on a disk that is
        not there now count as gone; look with ``dry_run`` first.

        Args:
            space: Which embedding space; None is the only one.
            dry_run: Whether they are only listed.

        Returns:
            Columns id, key, path, why: "gone" or "changed".

        Raises:
            StoreError: If the store cannot be read or written.
        """
        chosen = choose_space(self.spaces(), space)
        snapshot = self.snapshot(chosen)
        stale, moved = stale_rows(snapshot.facts(["id", "key", "path", "caption", "copies"]))
        if not dry_run and (len(stale) or moved):
            with self._guard, told_plainly("Writing to", self.path), write_lock(self.path):
                table = self._table_for(chosen, snapshot.vectors.shape[1])
                table.drop(stale["id"].tolist())
                if moved:
                    table.write(with_names(table.rows_of(list(moved)), moved))
        return stale

    def search(
        self,
        text: str | None = None,
        *,
        model: Any = None,
        space: EmbeddingSpace | str | None = None,
        image: Any = None,
        vector: Any = None,
        more_like: Sequence[str] | str = (),
        less_like: Sequence[str] | str = (),
        k: int = 10,
        where: Any = None,
        by_video: bool = False,
        index: bool = False,
    ) -> "SearchResult":
        """Find the clips that are nearest to what is asked for; exact unless ``index`` is asked.

        Everything that is asked for is joined: a text and clips to be like, without others.

        Args:
            text: What to look for in words; needs ``model``.
            model: The model that embedded the clips: loaded, or its id, which loads it for this search.
            space: Which embedding space; None is the model's, or the only one.
            image: A picture to look for; needs ``model``.
            vector: A ready vector (D,).
            more_like: Keys, ids or files of clips to be like; they are not found themselves.
            less_like: Keys, ids or files of clips to be unlike; they are not found either.
            k: How many clips to find.
            where: Which rows count: a condition as pandas writes it, such as "caption.str.contains('dog')",
                which can compare and nothing else; or a function from the table of ``rows(space)`` to a mask.
            by_video: Whether to find at most one clip of each file.
            index: Whether to ask the index that ``build_index`` made; its recall without a filter is in
                the result. Where a filter leaves too little of what it finds, the search is exact.

        Returns:
            The hits, best first; ``to_frame()`` is a table.

        Raises:
            InvalidParameterError: If nothing was asked for, or no or several spaces fit.
            EmbeddingSpaceError: If the model did not make the vectors of the space that is named.
            StoreError: If the store cannot be read, or the index is missing or older than the rows.
        """
        check_count("k", k)
        chosen = choose_space(self.spaces(), space if space is not None else model)
        check_model(model, chosen)
        snapshot = self.snapshot(chosen)
        more, less = ([names] if isinstance(names, str) else list(names) for names in (more_like, less_like))
        ids = places_of(snapshot, [*more, *less])
        like, unlike = ids[: len(more)], ids[len(more) :]
        if isinstance(model, str) and (text is not None or image is not None):
            model = load_if_named(chosen.model_id, revision=chosen.revision or None)
        query = query_vector(
            model=model,
            text=text,
            image=image,
            vector=vector,
            more=snapshot.vectors[like],
            less=snapshot.vectors[unlike],
        )
        wishes = {"k": k, "where": where, "leave_out": ids, "by_video": by_video}
        found = self._ask_index(chosen, snapshot, query, wishes) if index else None
        return run_search(snapshot, chosen, query, **wishes) if found is None else found

    def build_index(self, space: EmbeddingSpace | str | None = None) -> IndexReport:
        """Build an index of a space, and measure what it finds; worth it from some millions of rows on.

        Args:
            space: Which embedding space; None is the only one.

        Returns:
            Its kind, its recall at 10 against exact search, what it took; kept with the store.

        Raises:
            InvalidParameterError: If the space has fewer than 1,000 vectors.
            StoreError: If the store cannot be written.
        """
        chosen = choose_space(self.spaces(), space)
        snapshot = self.snapshot(chosen)
        with self._guard, told_plainly("Indexing", self.path), write_lock(self.path):
            table = self._table_for(chosen, snapshot.vectors.shape[1])
            folder = self._folder_of(chosen)
            return build(table, snapshot, self._report_of(chosen), lambda: table_signature(folder))

    def _ask_index(
        self,
        space: EmbeddingSpace,
        snapshot: Snapshot,
        query: np.ndarray,
        wishes: dict[str, Any],
    ) -> SearchResult | None:
        """Search through the index; None when it does not find enough."""
        with self._guard, told_plainly("Reading", self.path):
            state = table_signature(self._folder_of(space))
            report = read_report(self._report_of(space), len(snapshot.vectors), state)
            table = self._table_for(space, snapshot.vectors.shape[1])
            return indexed_hits(
                snapshot, space, lambda many: table.near(query, many, report.nprobes), report=report, **wishes
            )

    def _report_of(self, space: EmbeddingSpace) -> Path:
        """Where the report of an index lies."""
        return self.path / "indexes" / f"{space.key}.json"

    def duplicates(
        self, *, space: EmbeddingSpace | str | None = None, threshold: float = 0.98
    ) -> "pd.DataFrame":
        """Find clips that look nearly the same.

        Args:
            space: Which embedding space; None is the only one.
            threshold: Least cosine similarity of a pair, in -1..1.

        Returns:
            Columns key, other, similarity; the most alike first. Exact copies share one row; of them the
            other is told by its path.
        """
        import pandas as pd

        from workbench.analysis.nearest import near_duplicates

        if isinstance(threshold, str | bool) or not -1 <= threshold <= 1:
            raise InvalidParameterError(
                f"threshold is {threshold!r}; a cosine similarity in -1..1 is expected."
            )
        snapshot = self.snapshot(choose_space(self.spaces(), space))
        facts = snapshot.facts(["key", "copies"])
        keys = facts["key"]
        copies = facts[facts["copies"] != ""].itertuples()
        pairs = [(row.key, path, 1.0) for row in copies for path in copies_of(row.copies)]
        alike = near_duplicates(snapshot.vectors, threshold)
        pairs += [(keys[one], keys[other], score) for one, other, score in alike]
        return pd.DataFrame(pairs, columns=["key", "other", "similarity"])

    def snapshot(self, space: EmbeddingSpace) -> "Snapshot":
        """Open all vectors of a space as one memory-mapped matrix, with the facts of its rows.

        Args:
            space: One of ``spaces()``.

        Returns:
            The snapshot; it is made anew only when something was written since.
        """
        with self._guard, told_plainly("Reading", self.path):
            return open_snapshot(
                self.path / "snapshots" / space.key, self._folder_of(space), lambda: self._parts(space)
            )

    def info(self) -> StoreInfo:
        """Say what is in the store."""
        infos = [self._info(space) for space in self.spaces()]
        return StoreInfo(str(self.path), tuple(infos))

    def _info(self, space: EmbeddingSpace) -> SpaceInfo:
        """Say what is in one space."""
        with self._guard, told_plainly("Reading", self.path):
            table, size = self._table(space), folder_bytes(self._folder_of(space))
            if table is None:
                return SpaceInfo(space, 0, 0, size)
            runs = filter(None, table.read(["run"])["run"].unique().to_pylist())
            made = tuple(self.provenance(run) for run in runs)
            return SpaceInfo(space, table.dim, len(table), size, made)

    def __repr__(self) -> str:
        return f"EmbeddingStore({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return self.info()._repr_html_()
