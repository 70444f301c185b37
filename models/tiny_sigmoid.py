"""Network and picture settings of the tiny packages of SigLIP and SigLIP 2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from models.tiny_packages import save_network, write_json

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


def save_sigmoid_files(folder: Path, save_vocabulary: Callable[[Path], dict[str, int]], *, seed: int) -> None:
    """Write everything of a tiny package but its manifest.

    Args:
        folder: Where to write.
        save_vocabulary: Writes the tokenizer files; returns numbers for the text tower's configuration.
        seed: Draws the weights.
    """
    from transformers import SiglipConfig

    config = SiglipConfig(
        text_config={**_TOWER, **save_vocabulary(folder), "max_position_embeddings": _LENGTH},
        vision_config={**_TOWER, "image_size": _SIZE, "patch_size": 8},
    )
    save_network(lambda: _network(config), folder, seed=seed)
    write_json(folder / "preprocessor_config.json", _preprocessor())


def _network(config: Any) -> Any:
    """A network whose scores are scaled as those of the published checkpoints."""
    from transformers import SiglipModel

    network = SiglipModel(config)
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
