"""Where vectors come from: model, versions, device, time; travels with them for ever."""

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from models.vectors import EmbeddingSpace
    from workbench.engine.adapter import AdaptedModel

__all__ = ["provenance_of"]

_LIBRARIES = ("embedding-workbench", "torch", "transformers", "numpy", "av", "onnxruntime", "openvino")


def provenance_of(model: "AdaptedModel", space: "EmbeddingSpace", num_frames: int) -> dict[str, Any]:
    """Note what makes vectors, when and where.

    Args:
        model: The engine's view of the model.
        space: The embedding space of the vectors.
        num_frames: T, the frames taken of each clip.

    Returns:
        JSON-ready facts: created (UTC), device, versions, model_id, revision, preprocessing,
        sampling, frames, own_frames (whether T is the model's own), and where the model states them
        dtype, dtype_reason, backend and package (one hash for all files of its package).
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
        "frames": num_frames,
        "own_frames": num_frames == model.num_frames,
    }
    stated = {name: getattr(model.model, name, "") for name in ("dtype", "dtype_reason", "backend")}
    stated["package"] = getattr(model.model, "package_hash", "")
    return facts | {name: str(value) for name, value in stated.items() if value}
