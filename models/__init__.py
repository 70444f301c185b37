"""What an embedding model is, and how to get one.

Importing this package loads neither torch nor transformers: each public name is imported
from its own module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    """Import a public name on first use and keep it."""
    if name not in _EXPORTS:
        raise AttributeError(
            f"module 'models' has no attribute {name!r}; it has {', '.join(sorted(_EXPORTS))}"
        )
    value = getattr(import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names without importing them."""
    return sorted(_EXPORTS)
