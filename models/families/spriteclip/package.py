"""Write a trained network as a model package: weights, sizes, words, known answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from safetensors.torch import save_file

from models.families.spriteclip.model import SpriteCLIP
from models.known_answers import record_known_answers
from models.packages import ModelPackage, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from models.families.spriteclip.network import DualEncoder
    from models.families.spriteclip.tokenizer import Tokenizer

__all__ = ["write_package"]

_TEXTS = ("a small red circle moving left on a black background", "two large blue stars that spin")
_CLIPS = (("moving-square", (16, 120, 160, 3)), ("ramp", (1, 64, 96, 3)))


def write_package(network: DualEncoder, tokenizer: Tokenizer, folder: Path) -> ModelPackage:
    """Write a package that ``SpriteCLIP.from_pretrained`` loads.

    Weights are stored in half precision (they are used in single precision), which halves
    the file and moves similarities by less than 0.001.

    Args:
        network: The trained network.
        tokenizer: Its words.
        folder: Where to write; files of an older package there are replaced.

    Returns:
        The package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).detach().contiguous().clone()
        for name, tensor in network.state_dict().items()
    }
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(network.config.to_dict(), indent=1) + "\n", "utf-8")
    tokenizer.save(folder / "vocab.json")
    model = SpriteCLIP.from_pretrained(folder)
    answers = record_known_answers(model, texts=_TEXTS, clips=_CLIPS)
    card = {
        "license": "Apache-2.0",
        "embedding_dim": network.config.embedding_dim,
        "num_frames": model.num_frames,
        "input_size": 96,
        "text_length": network.config.max_tokens,
        "parameters": sum(tensor.numel() for tensor in state.values()),
        "modalities": ["text", "image", "video"],
    }
    return write_manifest(
        folder, model_id=SpriteCLIP.model_id, architecture="spriteclip", known_answers=answers, card=card
    )
