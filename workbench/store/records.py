"""What a store says about itself."""

from dataclasses import dataclass
from typing import Any

from models.reprs import html_table, readable_size, text_table
from models.vectors import EmbeddingSpace

__all__ = ["SpaceInfo", "StoreInfo"]


@dataclass(frozen=True)
class SpaceInfo:
    """One embedding space of a store.

    Args:
        space: The space.
        dim: D, the numbers of a vector.
        rows: Vectors in it.
        size_bytes: What its table takes on disk, older versions included.
        made: What made its vectors, once for each kind of run: model, revision, package, preprocessing,
            sampling, dtype, device, versions, time.
    """

    space: EmbeddingSpace
    dim: int
    rows: int
    size_bytes: int
    made: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class StoreInfo:
    """A store at a glance.

    Args:
        path: Its folder.
        spaces: Its embedding spaces, in order of creation.
    """

    path: str
    spaces: tuple[SpaceInfo, ...]

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """The spaces as rows of model, what was seen of a clip, vectors, size; for tables."""
        return [
            (
                info.space.model_id + (f"@{info.space.revision[:12]}" if info.space.revision else ""),
                " · ".join(filter(None, (info.space.preprocessing, info.space.sampling))),
                f"{info.rows:,} x {info.dim}",
                readable_size(info.size_bytes),
            )
            for info in self.spaces
        ]

    def __str__(self) -> str:
        return f"{self.path}: {len(self.spaces)} embedding spaces\n{text_table(self.rows)}"

    def _repr_html_(self) -> str:
        """The spaces as a table."""
        return html_table(self.rows, headers=["model", "clips seen as", "vectors", "size"], caption=self.path)
