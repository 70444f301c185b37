"""Search in a store: by text, image, clip or vector; more like these, less like those."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from models.inputs import as_rgb_images
from models.vectors import EmbeddingSpace
from workbench.engine.adapter import adapt
from workbench.engine.text import embed_prompts
from workbench.errors import EmbeddingSpaceError, InvalidParameterError, NothingToRankError
from workbench.store.filters import rows_that_fit
from workbench.store.results import Hit, SearchResult
from workbench.store.tables import storable_path

if TYPE_CHECKING:
    from workbench.store.index import IndexReport
    from workbench.store.snapshot import Snapshot

__all__ = ["indexed_hits", "places_of", "query_vector", "run_search"]

INDEX_DEPTH = 20  # with a filter, an index is asked for this many times as many clips as are wanted
LESS_WEIGHT = 0.5  # how much "less like those" pulls away, against 1 for "more like these" (Rocchio)


def query_vector(
    *, model: Any, text: str | None, image: Any, vector: Any, more: np.ndarray, less: np.ndarray
) -> np.ndarray:
    """Make one query of everything that was asked for.

    Args:
        model: The model that made the rows; needed for a text or an image.
        text: What to look for in words.
        image: A picture to look for, as ``embed_images`` takes it.
        vector: A ready vector (D,).
        more: Rows (M, D) of clips to be like.
        less: Rows (L, D) of clips to be unlike.

    Returns:
        float32 (D,), of unit length: the mean of all wishes, minus a part of the mean of ``less``.

    Raises:
        InvalidParameterError: If nothing was asked for, or a model is missing.
        NothingToRankError: If the wishes cancel each other out.
    """
    if (text is not None or image is not None) and model is None:
        raise InvalidParameterError(
            "A text or an image needs the model that embedded the clips.",
            next_step="Pass model=, loaded or by its id.",
        )
    wishes = [_checked(vector)] if vector is not None else []
    wishes += [embed_prompts(model, [text])[0]] if text is not None else []
    wishes += [_embedded(model, image)] if image is not None else []
    wishes += list(more)
    if not wishes:
        raise InvalidParameterError(
            "Nothing was asked for.", next_step="Pass text=, image=, vector= or more_like=."
        )
    query = np.mean([_unit(one) for one in wishes], axis=0)
    if len(less):
        query = query - LESS_WEIGHT * np.mean([_unit(one) for one in less], axis=0)
    if not np.linalg.norm(query) > 0:
        raise NothingToRankError("What was asked for cancels itself out: more and less are the same.")
    return _unit(query)


def _checked(vector: Any) -> np.ndarray:
    """A ready vector, float32 (D,)."""
    row = np.asarray(vector, np.float32)
    if row.ndim != 1 or not np.isfinite(row).all():
        raise InvalidParameterError(
            f"vector has shape {row.shape}" + ("" if row.ndim != 1 else " and holds NaN or infinite numbers"),
            next_step="One row of finite numbers (D,) is expected.",
        )
    return row


def _embedded(model: Any, image: Any) -> np.ndarray:
    """The vector of a picture, as the engine makes those of stored pictures: float32 (D,)."""
    adapted = adapt(model)
    return adapted.embed_items([adapted.preprocess(as_rgb_images([image])[0][None])])[0]


def run_search(
    snapshot: "Snapshot",
    space: EmbeddingSpace,
    query: np.ndarray,
    *,
    k: int,
    where: Any,
    leave_out: Sequence[int] = (),
    by_video: bool = False,
) -> SearchResult:
    """Search a snapshot.

    Args:
        snapshot: The rows.
        space: Their space.
        query: float32 (D,).
        k: How many clips to find.
        where: A condition such as "kind == 'video'", or a function from the table of facts to a mask.
        leave_out: Places of rows that are not to be found.
        by_video: Whether to find at most one clip of each file, its best.

    Returns:
        The hits.
    """
    from workbench.analysis.nearest import nearest, nearest_per_group

    mask = _mask(snapshot, where, leave_out)
    if by_video:
        scores, places = nearest_per_group(snapshot.vectors, query, snapshot.films(), k, mask=mask)
    else:
        scores, places = (found[0] for found in nearest(snapshot.vectors, query, k, mask=mask))
    hits = _hits(snapshot, places, scores)
    return SearchResult(hits, space, int(mask.sum()) if mask is not None else len(snapshot.vectors))


def indexed_hits(
    snapshot: "Snapshot",
    space: EmbeddingSpace,
    near: Callable[[int], Sequence[tuple[str, float]]],
    *,
    k: int,
    where: Any,
    leave_out: Sequence[int],
    by_video: bool,
    report: "IndexReport",
) -> SearchResult | None:
    """Find clips through an index; a filter is applied to what it finds.

    Args:
        snapshot: The rows.
        space: Their space.
        near: Asks the index for a number of ids and similarities, best first.
        k: How many clips to find.
        where: As for ``run_search``.
        leave_out: Places of rows that are not to be found.
        by_video: Whether to find at most one clip of each file, its best.
        report: The index.

    Returns:
        The hits; None when the filter leaves too few of them: then only an exact search can tell.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    filtered = where is not None or by_video
    found = near((INDEX_DEPTH * k if filtered else k) + len(leave_out))
    names = pa.array([name for name, _ in found], pa.string())
    rank = pc.index_in(snapshot.rows["id"], value_set=names)  # ty: ignore[missing-attribute]  (made on import)
    places = np.flatnonzero(rank.is_valid())
    places = places[np.argsort(rank.take(places).to_numpy())]
    mask, films = _mask(snapshot, where, leave_out), snapshot.films() if by_video else None
    kept = places if mask is None else places[mask[places]]
    if films is not None:
        kept = kept[np.sort(np.unique(films[kept], return_index=True)[1])]
    if filtered and len(kept) < k:
        return None
    hits = _hits(snapshot, kept[:k], [found[one][1] for one in rank.take(kept[:k]).to_pylist()])
    searched = int(mask.sum()) if mask is not None else len(snapshot.vectors)
    return SearchResult(hits, space, searched, report, filtered=filtered)


def _hits(snapshot: "Snapshot", places: Any, scores: Any) -> list[Hit]:
    """Look up what is known of the rows that were found."""
    fields = list(Hit.__dataclass_fields__)
    found = snapshot.facts([name for name in fields if name != "score"], places).assign(score=scores)
    return [Hit(**dict(zip(fields, row, strict=True))) for row in found[fields].itertuples(index=False)]


def places_of(snapshot: "Snapshot", names: Sequence[str]) -> list[int]:
    """Find rows by their keys, ids or files.

    Args:
        snapshot: The rows.
        names: Keys, ids or paths of files.

    Returns:
        Their places, in order.

    Raises:
        InvalidParameterError: If a name is not there, or several rows have that key or file.
    """
    if not names:
        return []
    facts = snapshot.facts(["id", "key", "path"])
    places = []
    for name in names:
        found = np.flatnonzero((facts["id"] == name) | (facts["key"] == name))
        if not len(found):
            found = np.flatnonzero(facts["path"] == storable_path(name))
        if len(found) != 1:
            raise InvalidParameterError(
                f"{len(found)} clips are named {name!r}.",
                next_step="store.rows(space), or `workbench store ls`, lists them; an id is always one.",
            )
        places.append(int(found[0]))
    return places


def _mask(snapshot: "Snapshot", where: Any, leave_out: Sequence[int]) -> np.ndarray | None:
    """Which rows count: bool (N,); None for all."""
    if where is None and not leave_out:
        return None
    mask = np.ones(len(snapshot.vectors), bool)
    mask[list(leave_out)] = False
    return mask if where is None else mask & rows_that_fit(snapshot, where)


def _unit(vector: np.ndarray) -> np.ndarray:
    """Bring a vector to unit length; zeros stay zeros."""
    vector = np.asarray(vector, np.float32)
    if vector.ndim != 1:
        raise EmbeddingSpaceError(f"A vector (D,) is expected; {vector.shape} came.")
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
