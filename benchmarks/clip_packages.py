"""Packages of CLIP in its published sizes with random weights: speed is real, vectors mean nothing."""

from pathlib import Path
from typing import Any

SIZES: dict[str, dict[str, Any]] = {
    "ViT-B/32": {"vision": {"patch_size": 32}, "text": {}, "dim": 512},
    "ViT-B/16": {"vision": {"patch_size": 16}, "text": {}, "dim": 512},
    "ViT-L/14": {
        "vision": {
            "patch_size": 14,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
        },
        "text": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12},
        "dim": 768,
    },
}


def make_clip(folder: Path, size: str = "ViT-B/32") -> Path:
    """Write a package.

    Args:
        folder: Where to; it must not be there.
        size: One of ``SIZES``.

    Returns:
        The folder, as ``AutoModel.from_pretrained`` takes it.
    """
    from transformers import CLIPConfig, CLIPModel

    from models.encoders.tiny_packages import finish_package, save_clip_vocabulary, save_network, write_json
    from models.families.clip.model import CLIPEmbedder

    folder.mkdir()
    parts = SIZES[size]
    tokens = save_clip_vocabulary(folder, max_length=77)
    config = CLIPConfig(
        text_config={**tokens, "vocab_size": 49408, **parts["text"]},
        vision_config=parts["vision"],
        projection_dim=parts["dim"],
    )
    save_network(lambda: CLIPModel(config), folder)
    write_json(
        folder / "preprocessor_config.json",
        {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 224}, "crop_size": 224},
    )
    finish_package(folder, CLIPEmbedder.from_pretrained, architecture="clip", card={})
    return folder
