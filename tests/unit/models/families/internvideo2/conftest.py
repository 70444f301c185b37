"""Tiny InternVideo2 packages: the family's own, the golden one, and one of odd sizes."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.torch import load_file

from models.families.internvideo2.config import InternVideo2Config
from models.families.internvideo2.model import InternVideo2MultiModality
from models.families.internvideo2.tiny import make_tiny_package, random_state, tiny_vocabulary


@dataclass(frozen=True)
class Golden:
    """What the reference implementation computed."""

    folder: Path
    config: dict
    state: dict
    inputs: dict
    outputs: dict


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return make_tiny_package(tmp_path_factory.mktemp("internvideo2") / "tiny")


@pytest.fixture(scope="session")
def model(package):
    return InternVideo2MultiModality.from_pretrained(package.directory, device="cpu")


@pytest.fixture
def folder(package, tmp_path):
    """A copy of the tiny package to be damaged."""
    copy = tmp_path / "package"
    shutil.copytree(package.directory, copy)
    (copy / "manifest.json").unlink()
    return copy


@pytest.fixture
def state(folder):
    return load_file(folder / "model.safetensors")


@pytest.fixture(scope="session")
def golden(shared_dir, tmp_path_factory):
    source = shared_dir / "golden" / "internvideo2"
    folder = tmp_path_factory.mktemp("golden")
    config = json.loads((source / "tiny_config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in config["vocab"]))
    shutil.copy(source / "tiny_state_dict.safetensors", folder / "model.safetensors")
    tensors = [load_file(source / f"{name}.safetensors") for name in ("tiny_state_dict", "inputs", "outputs")]
    return Golden(folder, config, *tensors)


@pytest.fixture(scope="session")
def golden_model(golden):
    return InternVideo2MultiModality.from_pretrained(golden.folder, device="cpu")


@pytest.fixture(scope="session")
def odd():
    """Sizes unlike those of any other test: 5 frames, stored for 3, small patches, long MLP."""
    config = {
        "vision": {
            "img_size": 24,
            "patch_size": 8,
            "num_frames": 5,
            "origin_num_frames": 3,
            "embed_dim": 40,
            "depth": 3,
            "num_heads": 2,
            "mlp_ratio": 3.3,
            "attn_pool_num_heads": 8,
            "clip_embed_dim": 28,
            "rms_norm_eps": 1e-4,
            "attn_pool_norm_eps": 1e-3,
        },
        "text": {
            "hidden_size": 30,
            "num_hidden_layers": 5,
            "fusion_layer": 3,
            "num_attention_heads": 5,
            "intermediate_size": 44,
            "max_position_embeddings": 20,
            "vocab_size": len(tiny_vocabulary()),
            "max_txt_l": 12,
            "layer_norm_eps": 1e-5,
        },
        "proj_dim": 18,
    }
    return config, random_state(InternVideo2Config.from_dict(config), seed=3)
