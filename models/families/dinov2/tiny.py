"""A DINOv2 package of a quarter of a megabyte with random weights, made without a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.encoders.tiny_packages import finish_package, save_network, write_json
from models.families.dinov2.model import DINOv2Embedder

if TYPE_CHECKING:
    from models.packages import ModelPackage

__all__ = ["make_tiny_package"]

_SIZE = 42  # of the pictures; the network was "trained" at 70, as the real one at 518 and run at 224


def make_tiny_package(directory: str | Path, *, seed: int = 0, swiglu: bool = False) -> ModelPackage:
    """Write a tiny DINOv2 package: random weights, known answers.

    Args:
        directory: Where to write; made when it is missing.
        seed: Draws the weights.
        swiglu: Use the feed-forward layers of the giant checkpoint.

    Returns:
        The package, for ``AutoModel.from_pretrained(package.directory)``.

    Example:
        >>> make_tiny_package("tiny-dinov2").manifest.architecture
        'dinov2'
    """
    from transformers import Dinov2Config, Dinov2Model

    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    config = Dinov2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        mlp_ratio=2,
        image_size=70,
        patch_size=14,
        use_swiglu_ffn=swiglu,
    )
    save_network(lambda: Dinov2Model(config), folder, seed=seed)
    write_json(folder / "preprocessor_config.json", _preprocessor())
    card = {
        "input_size": _SIZE,
        "modalities": ["image", "video"],
        "description": "A tiny DINOv2 with random weights, to try the family without a download.",
    }
    return finish_package(folder, DINOv2Embedder.from_pretrained, architecture="dinov2", card=card)


def _preprocessor() -> dict[str, object]:
    """Image preprocessing in the spelling of Meta's own repositories."""
    return {
        "crop_size": {"height": _SIZE, "width": _SIZE},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_processor_type": "BitImageProcessor",
        "image_std": [0.229, 0.224, 0.225],
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"shortest_edge": 48},
    }
