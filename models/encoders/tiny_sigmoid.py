"""Network and picture settings of the tiny packages of SigLIP and SigLIP 2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from models.encoders.tiny_packages import save_network, write_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["save_sigmoid_files", "tiny_card"]

_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
_SIZE, _LENGTH = 32, 64
_SCALE, _BIAS = 117.3, -12.9  # about what the published checkpoints learnt


def tiny_card(name: str) -> dict[str, Any]:
    """What the card of a tiny package says that its model does not know.

    Args:
        name: What to call the model.

    Returns:
        Fields of a card.
    """
    return {
        "input_size": _SIZE,
        "text_length": _LENGTH,
        "modalities": ["text", "image", "video"],
        "description": f"A tiny {name} with random weights, to try the family without a download.",
    }


def save_sigmoid_files(
    folder: Path, save_vocabulary: Callable[[Path], dict[str, int]], *, seed: int, naflex: bool = False
) -> None:
    """Write everything of a tiny package but its manifest.

    Args:
        folder: Where to write.
        save_vocabulary: Writes the tokenizer files; returns numbers for the text tower's configuration.
        seed: Draws the weights.
        naflex: Make a network that keeps the aspect ratio of pictures.
    """
    text = {**_TOWER, **save_vocabulary(folder), "max_position_embeddings": _LENGTH}
    save_network(lambda: _naflex(text) if naflex else _fixed(text), folder, seed=seed)
    write_json(folder / "preprocessor_config.json", _naflex_preprocessor() if naflex else _preprocessor())


def _fixed(text: dict[str, Any]) -> Any:
    """A network for squares of one size."""
    from transformers import SiglipConfig, SiglipModel

    vision = {**_TOWER, "image_size": _SIZE, "patch_size": 8}
    return _scaled(SiglipModel(SiglipConfig(text_config=text, vision_config=vision)))


def _naflex(text: dict[str, Any]) -> Any:
    """A network for pictures of any aspect ratio."""
    from transformers import Siglip2Config, Siglip2Model

    vision = {**_TOWER, "num_patches": 16, "patch_size": 8}
    return _scaled(Siglip2Model(Siglip2Config(text_config=text, vision_config=vision)))


def _scaled(network: Any) -> Any:
    """The network, its scores scaled as those of the published checkpoints."""
    network.logit_scale.data.fill_(math.log(_SCALE))
    network.logit_bias.data.fill_(_BIAS)
    return network


def _preprocessor() -> dict[str, Any]:
    """Image preprocessing in the spelling of Google's own repositories."""
    return {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor",
        "resample": 3,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": _SIZE, "width": _SIZE},
    }


def _naflex_preprocessor() -> dict[str, Any]:
    """The same for pictures of any aspect ratio."""
    kept = {name: value for name, value in _preprocessor().items() if name not in ("size", "processor_class")}
    own = {
        "image_processor_type": "Siglip2ImageProcessor",
        "max_num_patches": 20,
        "patch_size": 8,
        "resample": 2,
    }
    return {**kept, **own}
