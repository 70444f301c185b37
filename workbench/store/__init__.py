"""The embedding store: vectors with their provenance, on disk, for good."""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

if TYPE_CHECKING:
    from workbench.store.embedding_store import EmbeddingStore
    from workbench.store.index import IndexReport
    from workbench.store.records import SpaceInfo, StoreInfo

_EXPORTS = {
    "EmbeddingStore": "workbench.store.embedding_store",
    "IndexReport": "workbench.store.index",
    "SpaceInfo": "workbench.store.records",
    "StoreInfo": "workbench.store.records",
}

__all__ = ["EmbeddingStore", "IndexReport", "SpaceInfo", "StoreInfo"]

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
