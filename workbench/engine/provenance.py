"""Where vectors come from: model, versions, device, time; travels with them for ever."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.vectors import EmbeddingSpace
    from workbench.engine.adapter import AdaptedModel

__all__ = ["provenance_of"]

_LIBRARIES = ("embedding-workbench", "torch", "transformers", "numpy", "av", "onnxruntime", "openvino")


def provenance_of(model: "AdaptedModel", space: "EmbeddingSpace") -> dict[str, Any]:
    """Note what makes vectors, when and where.

    Args:
        model: The engine's view of the model.
        space: The embedding space of the vectors.

    Returns:
        JSON-ready facts: created (UTC), device, versions, model_id, revision, preprocessing,
        sampling, dtype, and backend when the model states one.
    """
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    facts = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": model.device,
        "versions": versions,
        "model_id": space.model_id,
        "revision": space.revision,
        "preprocessing": space.preprocessing,
        "sampling": space.sampling,
    }
    stated = {name: getattr(model.model, name, "") for name in ("dtype", "backend")}
    return facts | {name: str(value) for name, value in stated.items() if value}
