"""A CLIP package of half a megabyte with random weights, made without a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.encoders.tiny_packages import finish_package, save_clip_vocabulary, save_network, write_json
from models.families.clip.model import CLIPEmbedder

if TYPE_CHECKING:
    from models.packages import ModelPackage

__all__ = ["make_tiny_package"]

_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
_SIZE = 32


def make_tiny_package(
    directory: str | Path, *, seed: int = 0, hidden_act: str = "quick_gelu"
) -> ModelPackage:
    """Write a tiny CLIP package: random weights, a real small vocabulary, known answers.

    Args:
        directory: Where to write; made when it is missing.
        seed: Draws the weights.
        hidden_act: Activation of both towers: "quick_gelu" as OpenAI's, "gelu" as LAION's.

    Returns:
        The package, for ``AutoModel.from_pretrained(package.directory)``.

    Example:
        >>> make_tiny_package("tiny-clip").manifest.architecture
        'clip'
    """
    from transformers import CLIPConfig, CLIPModel

    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = save_clip_vocabulary(folder, max_length=77)
    tower = {**_TOWER, "hidden_act": hidden_act}
    config = CLIPConfig(
        projection_dim=24,
        text_config={**tower, **tokens, "max_position_embeddings": 77},
        vision_config={**tower, "image_size": _SIZE, "patch_size": 8},
    )
    save_network(lambda: CLIPModel(config), folder, seed=seed)
    write_json(folder / "preprocessor_config.json", _preprocessor())
    card = {
        "input_size": _SIZE,
        "text_length": 77,
        "modalities": ["text", "image", "video"],
        "description": "A tiny CLIP with random weights, to try the family without a download.",
    }
    return finish_package(folder, CLIPEmbedder.from_pretrained, architecture="clip", card=card)


def _preprocessor() -> dict[str, object]:
    """Image preprocessing in the spelling of OpenAI's own repositories."""
    return {
        "crop_size": _SIZE,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "resample": 3,
        "size": _SIZE,
    }
