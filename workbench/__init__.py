"""An interactive workbench for text-video and text-image embedding models.

Importing this package is cheap: each public name is imported from its own module when it
is first used, so neither torch nor ipywidgets is loaded before it is needed.
"""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

if TYPE_CHECKING:
    from workbench.analysis.results import Classification, Ranking
    from workbench.app import Workbench
    from workbench.engine.embed import embed, submit_embed
    from workbench.engine.embeddings import Embeddings
    from workbench.media.clips import Clip, ClipSet
    from workbench.media.samples import sample_answers, sample_clips, sample_prompts
    from workbench.media.sources import load_clips
    from workbench.panels.clip_loader import ClipLoader
    from workbench.panels.embed_panel import EmbedPanel
    from workbench.panels.inspector import Inspector
    from workbench.panels.model_picker import ModelPicker
    from workbench.panels.rank_panel import RankPanel
    from workbench.session import Session
    from workbench.store.embedding_store import EmbeddingStore
    from workbench.zeroshot import classify, rank

_EXPORTS = {
    "Classification": "workbench.analysis.results",
    "Clip": "workbench.media.clips",
    "ClipLoader": "workbench.panels.clip_loader",
    "ClipSet": "workbench.media.clips",
    "EmbedPanel": "workbench.panels.embed_panel",
    "EmbeddingStore": "workbench.store.embedding_store",
    "Embeddings": "workbench.engine.embeddings",
    "Inspector": "workbench.panels.inspector",
    "ModelPicker": "workbench.panels.model_picker",
    "RankPanel": "workbench.panels.rank_panel",
    "Ranking": "workbench.analysis.results",
    "Session": "workbench.session",
    "Workbench": "workbench.app",
    "classify": "workbench.zeroshot",
    "embed": "workbench.engine.embed",
    "load_clips": "workbench.media.sources",
    "rank": "workbench.zeroshot",
    "sample_answers": "workbench.media.samples",
    "sample_clips": "workbench.media.samples",
    "sample_prompts": "workbench.media.samples",
    "submit_embed": "workbench.engine.embed",
}

__all__ = [
    "Classification",
    "Clip",
    "ClipLoader",
    "ClipSet",
    "EmbedPanel",
    "EmbeddingStore",
    "Embeddings",
    "Inspector",
    "ModelPicker",
    "RankPanel",
    "Ranking",
    "Session",
    "Workbench",
    "classify",
    "embed",
    "load_clips",
    "rank",
    "sample_answers",
    "sample_clips",
    "sample_prompts",
    "submit_embed",
]

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
