"""What an embedding model is, and how to get one.

Importing this package loads neither torch nor transformers: each public name is imported
from its own module when it is first used.
"""

from typing import TYPE_CHECKING

from models.lazy import lazy_exports

if TYPE_CHECKING:
    from models.auto import AutoModel, ModelDescription
    from models.base import (
        EmbeddingSpace,
        ImageEmbeddingModel,
        ModelInterface,
        TextImageEmbeddingModel,
        VideoTextEmbeddingModel,
        model_ids,
    )
    from models.catalog import ModelCard
    from models.conformance import ConformanceReport, check_model
    from models.registry import BackendType, register_model
    from models.runtime import describe_runtime

_EXPORTS = {
    "AutoModel": "models.auto",
    "BackendType": "models.registry",
    "ConformanceReport": "models.conformance",
    "EmbeddingSpace": "models.base",
    "ImageEmbeddingModel": "models.base",
    "ModelCard": "models.catalog",
    "ModelDescription": "models.auto",
    "ModelInterface": "models.base",
    "TextImageEmbeddingModel": "models.base",
    "VideoTextEmbeddingModel": "models.base",
    "check_model": "models.conformance",
    "describe_runtime": "models.runtime",
    "model_ids": "models.base",
    "register_model": "models.registry",
}

__all__ = [
    "AutoModel",
    "BackendType",
    "ConformanceReport",
    "EmbeddingSpace",
    "ImageEmbeddingModel",
    "ModelCard",
    "ModelDescription",
    "ModelInterface",
    "TextImageEmbeddingModel",
    "VideoTextEmbeddingModel",
    "check_model",
    "describe_runtime",
    "model_ids",
    "register_model",
]

__getattr__, __dir__ = lazy_exports(__name__, _EXPORTS)
