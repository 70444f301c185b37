"""An X-CLIP package of half a megabyte with random weights, made without a download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.encoders.tiny_packages import finish_package, save_clip_vocabulary, save_network, write_json
from models.families.xclip.model import XCLIPEmbedder

if TYPE_CHECKING:
    from models.packages import ModelPackage

__all__ = ["make_tiny_package"]

_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
_SIZE, _LENGTH, _DIM = 32, 77, 24


def make_tiny_package(directory: str | Path, *, seed: int = 0, num_frames: int = 8) -> ModelPackage:
    """Write a tiny X-CLIP package: random weights, a real small vocabulary, known answers.

    Args:
        directory: Where to write; made when it is missing.
        seed: Draws the weights.
        num_frames: T, the frames that the network reads of a clip.

    Returns:
        The package, for ``AutoModel.from_pretrained(package.directory)``.

    Example:
        >>> make_tiny_package("tiny-xclip").manifest.architecture
        'xclip'
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = save_clip_vocabulary(folder, max_length=_LENGTH)
    save_network(lambda: _network(tokens, num_frames), folder, seed=seed)
    write_json(folder / "preprocessor_config.json", _preprocessor())
    card = {
        "input_size": _SIZE,
        "text_length": _LENGTH,
        "modalities": ["text", "image", "video"],
        "description": "A tiny X-CLIP with random weights, to try the family without a download.",
    }
    return finish_package(folder, XCLIPEmbedder.from_pretrained, architecture="xclip", card=card)


def _network(tokens: dict[str, int], num_frames: int) -> Any:
    """A network with the parts of the published ones, each as small as it can be."""
    from transformers import XCLIPConfig, XCLIPModel

    integration = {f"mit_{name}": value for name, value in _TOWER.items() if name != "hidden_size"}
    config = XCLIPConfig(
        projection_dim=_DIM,
        prompt_layers=1,
        prompt_num_attention_heads=4,
        text_config={**_TOWER, **tokens, "max_position_embeddings": _LENGTH},
        vision_config={
            **_TOWER,
            **integration,
            "mit_hidden_size": _DIM,
            "image_size": _SIZE,
            "patch_size": 8,
            "num_frames": num_frames,
        },
    )
    return XCLIPModel(config)


def _preprocessor() -> dict[str, Any]:
    """Image preprocessing in the spelling of Microsoft's own repositories."""
    return {
        "crop_size": _SIZE,
        "do_center_crop": True,
        "do_normalize": True,
        "do_resize": True,
        "feature_extractor_type": "VideoMAEFeatureExtractor",
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "resample": 2,
        "size": _SIZE,
    }
