"""A random video-text network of a few kB with a real package: what contract tests run on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from models.base import VideoTextEmbeddingModel, unit_rows
from models.errors import ModelNotReadyError
from models.inputs import as_rgb_clips, as_rgb_frames, as_texts
from models.known_answers import record_known_answers
from models.packages import ModelPackage, write_manifest

SIZE = 8
CLIPS = [("moving-square", (4, 48, 64, 3)), ("ramp", (1, 40, 56, 3))]
TEXTS = ["a red ball", "green"]


class TinyNetwork(torch.nn.Module):
    """Two towers of one layer each; the text tower masks its padding."""

    def __init__(self, num_frames: int, dim: int) -> None:
        super().__init__()
        self.video = torch.nn.Linear(num_frames * SIZE * SIZE * 3, dim)
        self.letters = torch.nn.Embedding(256, dim)

    def encode_video(self, clips: torch.Tensor) -> torch.Tensor:
        return self.video(clips.flatten(1))

    def encode_text(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        places = torch.arange(1, ids.shape[1] + 1)[:, None] / 7.0
        letters = torch.tanh(self.letters(ids) * places) * mask[..., None]
        return letters.sum(dim=1) / mask.sum(dim=1, keepdim=True)


class TinyTorchModel(VideoTextEmbeddingModel):
    """A model as a family would write it, small enough to read at a glance."""

    num_frames = 4
    embedding_dim = 16
    preprocessing = "tiny-8x8"
    mean, std = (0.4, 0.45, 0.5), (0.2, 0.25, 0.3)

    def __init__(self, model_dir: str, device: str = "cpu") -> None:
        self.model_dir = Path(model_dir)
        self.device = device
        self._model: TinyNetwork | None = None

    @classmethod
    def from_pretrained(cls, model_name_or_path: str, *, device: str = "cpu", **_: Any) -> "TinyTorchModel":
        model = cls(model_name_or_path, device)
        model.setup()
        return model

    def setup(self) -> None:
        config = json.loads((self.model_dir / "config.json").read_text())
        network = TinyNetwork(config["num_frames"], config["dim"])
        network.load_state_dict(load_file(self.model_dir / "model.safetensors"))
        self._model = network.eval()

    @property
    def network(self) -> TinyNetwork:
        if self._model is None:
            raise ModelNotReadyError("The tiny model is not loaded.", next_step="Call setup().")
        return self._model

    def preprocess_clip(self, frames: Any) -> torch.Tensor:
        clip = self._still(as_rgb_frames(frames))
        pixels = torch.from_numpy(clip.astype(np.float32) / 255.0).permute(0, 3, 1, 2)
        small = torch.nn.functional.adaptive_avg_pool2d(pixels, SIZE)
        return (small - torch.tensor(self.mean)[:, None, None]) / torch.tensor(self.std)[:, None, None]

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        with torch.inference_mode():
            return self._finish(self.network.encode_video(torch.stack(batch)))

    def embed_videos(self, videos: Any) -> torch.Tensor:
        return self.embed_preprocessed([self.preprocess_clip(clip) for clip in as_rgb_clips(videos)])

    def embed_text(self, texts: Any) -> torch.Tensor:
        codes = [text.encode()[:64] for text in as_texts(texts)]
        length = max(map(len, codes))
        ids = torch.tensor([[*code, *[0] * (length - len(code))] for code in codes])
        with torch.inference_mode():
            return self._finish(self.network.encode_text(ids, self._mask(ids)))

    def _mask(self, ids: torch.Tensor) -> torch.Tensor:
        return (ids > 0).float()

    def _finish(self, rows: torch.Tensor) -> torch.Tensor:
        return unit_rows(rows)


def make_tiny_package(directory: Path, *, seed: int = 0, **manifest: Any) -> ModelPackage:
    """Write a package with random weights and known answers."""
    directory.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = TinyNetwork(TinyTorchModel.num_frames, TinyTorchModel.embedding_dim)
    save_file(network.state_dict(), directory / "model.safetensors")
    config = {"num_frames": TinyTorchModel.num_frames, "dim": TinyTorchModel.embedding_dim}
    (directory / "config.json").write_text(json.dumps(config))
    answers = record_known_answers(TinyTorchModel.from_pretrained(str(directory)), texts=TEXTS, clips=CLIPS)
    fields = {"model_id": "fakes/tiny", "architecture": "tiny", "known_answers": answers, **manifest}
    return write_manifest(directory, **fields)
