"""What a search found."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.reprs import text_table
from models.vectors import EmbeddingSpace

if TYPE_CHECKING:
    import pandas as pd

    from workbench.media.clips import Clip
    from workbench.store.index import IndexReport

__all__ = ["Hit", "SearchResult"]


@dataclass(frozen=True)
class Hit:
    """One clip that was found.

    Args:
        key: Its name when it was embedded.
        score: Cosine similarity with the query, -1..1.
        path: Its file when it was embedded.
        start_s: Where it starts in the file, seconds; NaN when unknown.
        stop_s: Where it stops.
        id: Its id in the store.
        kind: "video" or "image"; "" when unknown.
        caption: What somebody wrote of it.
    """

    key: str
    score: float
    path: str
    start_s: float
    stop_s: float
    id: str
    kind: str = ""
    caption: str = ""

    @property
    def span(self) -> str:
        """Its seconds as text; "" for an image."""
        return f"{self.start_s:.1f} to {self.stop_s:.1f}" if self.stop_s > 0 else ""

    @property
    def clip(self) -> "Clip | None":
        """The clip, to look at or embed; None when it was stored without one. Its file may be gone by now."""
        from workbench.media.clips import Clip

        if not self.path or self.kind not in ("video", "image"):
            return None
        start_s, stop_s = (0.0 if value != value else value for value in (self.start_s, self.stop_s))  # noqa: PLR0124 - NaN
        return Clip(self.key, Path(self.path), self.kind, start_s, stop_s, 0, 0, self.caption)


class SearchResult(Sequence[Hit]):
    """What was found, best first.

    Args:
        hits: The clips.
        space: The space that was searched.
        searched: How many rows were compared.
        by_index: The index that was asked, with its measured recall; None for an exact search.
        filtered: Whether a filter was applied to what the index found: its recall was measured without one.
    """

    def __init__(
        self,
        hits: Sequence[Hit],
        space: EmbeddingSpace,
        searched: int,
        by_index: "IndexReport | None" = None,
        *,
        filtered: bool = False,
    ) -> None:
        self.hits = list(hits)
        self.space = space
        self.searched = searched
        self.by_index = by_index
        self.filtered = filtered

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __getitem__(self, index: Any) -> Any:
        return self.hits[index]

    def to_frame(self) -> "pd.DataFrame":
        """The hits as a table: key, score, path, start_s, stop_s, id, kind, caption."""
        import pandas as pd

        return pd.DataFrame([asdict(hit) for hit in self.hits], columns=list(Hit.__dataclass_fields__))

    def __repr__(self) -> str:
        return f"{self.caption}\n{text_table(self._rows())}"

    @property
    def caption(self) -> str:
        """How many clips were found among how many, and what an index may have missed."""
        found = f"{len(self)} of {self.searched:,} clips" if self.searched else "No clip fits the filter"
        if self.by_index is None:
            return found
        condition = " without a filter" if self.filtered else ""
        return f"{found}; by an index that finds {100 * self.by_index.recall:.1f} % of them{condition}"

    def _repr_html_(self) -> str:
        from workbench.reprs import search_html

        return search_html(self)

    def _rows(self) -> list[tuple[str, str, str]]:
        """The hits as rows of name, score and span, for tables."""
        return [(hit.key, f"{hit.score:.3f}", hit.span) for hit in self.hits]
