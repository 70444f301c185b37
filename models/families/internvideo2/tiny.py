"""A package of a few hundred kB with random weights: the whole family without a download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.families.internvideo2.config import InternVideo2Config, TextConfig, VisionConfig
from models.families.internvideo2.files import CONFIG_FILE, WEIGHTS_FILE
from models.families.internvideo2.model import InternVideo2MultiModality
from models.families.internvideo2.setup import Setup
from models.families.internvideo2.text import VOCABULARY_FILE
from models.families.internvideo2.wrapper import _InternVideo2Stage2Wrapper
from models.known_answers import record_known_answers
from models.packages import ModelPackage, write_manifest

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["make_tiny_package", "random_state", "tiny_config", "tiny_vocabulary"]

_TEXTS = ("a red ball", "a dog runs in the snow")
_CLIPS = (("moving-square", (4, 48, 64, 3)), ("ramp", (1, 40, 56, 3)))
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_WORDS = (
    "a the in on with of that to and moving left right up down red green blue yellow small large ball star "
    "dog cat man woman snow street water car plays runs walks spins grey background"
)


def make_tiny_package(directory: str | Path, *, seed: int = 0) -> ModelPackage:
    """Write a package with random weights that loads and answers like the real one.

    Args:
        directory: Where to write; it is created.
        seed: Which weights.

    Returns:
        The package, with known answers.
    """
    folder = Path(directory).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    from safetensors.torch import save_file

    vocabulary = tiny_vocabulary()
    config = tiny_config(len(vocabulary))
    (folder / VOCABULARY_FILE).write_text("".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8")
    (folder / CONFIG_FILE).write_text(json.dumps(config.to_dict(), indent=1) + "\n", encoding="utf-8")
    state = random_state(config, seed=seed)
    save_file(state, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    model = InternVideo2MultiModality.from_pretrained(folder, device="cpu")
    return write_manifest(
        folder,
        model_id="workbench/internvideo2-tiny",
        architecture="internvideo2",
        known_answers=record_known_answers(model, texts=_TEXTS, clips=_CLIPS),
        card=_card(config, state.values()),
    )


def tiny_config(vocab_size: int) -> InternVideo2Config:
    """Sizes of the tiny package.

    Args:
        vocab_size: Number of word pieces.

    Returns:
        A configuration in which no two sizes are mixed up without being noticed.
    """
    return InternVideo2Config(
        vision=VisionConfig(
            img_size=56,
            patch_size=14,
            num_frames=4,
            embed_dim=48,
            depth=2,
            num_heads=4,
            attn_pool_num_heads=6,
            clip_embed_dim=40,
        ),
        text=TextConfig(
            hidden_size=36,
            num_hidden_layers=3,
            fusion_layer=2,
            num_attention_heads=3,
            intermediate_size=72,
            max_position_embeddings=64,
            vocab_size=vocab_size,
            max_txt_l=40,
        ),
        proj_dim=32,
    )


def tiny_vocabulary() -> list[str]:
    """Word pieces of the tiny package: special ones, letters, so that any word can be spelt, some words."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*_LETTERS, *(f"##{letter}" for letter in _LETTERS), *".,!?'-"]
    return [*special, *letters, *(word for word in _WORDS.split() if len(word) > 1)]


def random_state(
    config: InternVideo2Config, *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> dict[str, torch.Tensor]:
    """Draw weights with which all parts matter: norms near 1, everything else of moderate size.

    Args:
        config: Sizes of the network.
        seed: Which weights.
        dtype: Number format of the result.

    Returns:
        Name -> tensor, all that a network of these sizes needs.
    """
    with torch.device("meta"):
        network = _InternVideo2Stage2Wrapper(Setup(config, Path(), Path()).to_easydict(), tokenizer=None)
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, weight in network.state_dict().items():
        drawn = torch.randn(weight.shape, generator=random)
        norm = weight.ndim == 1 and not name.endswith("bias")
        fan_in = weight[0].numel() if weight.ndim > 1 and "embed" not in name else 4
        state[name] = (drawn.mul_(0.1).add_(1.0) if norm else drawn.mul_(fan_in**-0.5)).to(dtype)
    return state


def _card(config: InternVideo2Config, weights: Iterable[torch.Tensor]) -> dict[str, Any]:
    """What the package says about itself."""
    return {
        "license": "Apache-2.0",
        "description": "InternVideo2 with random weights: shows how the family works, knows nothing.",
        "embedding_dim": config.proj_dim,
        "num_frames": config.vision.num_frames,
        "input_size": config.vision.img_size,
        "text_length": config.text.max_txt_l,
        "parameters": sum(weight.numel() for weight in weights),
        "modalities": ["text", "image", "video"],
    }
