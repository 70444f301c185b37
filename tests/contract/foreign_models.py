"""Good models as strangers would write them, none of them alike: what check_model must not blame."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.base import ImageEmbeddingModel, TextImageEmbeddingModel, VideoTextEmbeddingModel, unit_rows
from models.errors import ModelInputError, ModelNotReadyError
from models.inputs import as_rgb_clips, as_rgb_frames, as_rgb_images, as_texts

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def seeded(make: Any, seed: int = 3) -> Any:
    """Make a network whose random weights are the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().eval()


class Still(ImageEmbeddingModel):
    """Images only: a small convolutional network with ImageNet's mean and std."""

    mean, std = IMAGENET
    used_mean, used_std = IMAGENET
    embedding_dim = 24
    _model: Any = None

    def setup(self) -> None:
        self._model = seeded(self.network)

    @staticmethod
    def network() -> torch.nn.Module:
        layers = torch.nn
        return layers.Sequential(
            layers.Conv2d(3, 16, 5, stride=4), layers.GELU(), layers.AdaptiveAvgPool2d(2), layers.Flatten(),
            layers.Dropout(0.3), layers.Linear(64, 24),
        )  # fmt: skip

    def pixels(self, image: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
        pixels = torch.nn.functional.interpolate(pixels, (32, 32), mode="bilinear")[0]
        return (pixels - torch.tensor(self.used_mean)[:, None, None]) / torch.tensor(self.used_std)[
            :, None, None
        ]

    def embed_images(self, images: Any) -> torch.Tensor:
        read = as_rgb_images(images)
        if self._model is None:
            raise ModelNotReadyError("Call setup().")
        with torch.inference_mode():
            return self.finish(self._model(torch.stack([self.pixels(image) for image in read])))

    def finish(self, rows: torch.Tensor) -> torch.Tensor:
        return unit_rows(rows)


class Wrapper(TextImageEmbeddingModel):
    """Images and texts: a small CLIP of transformers, its folder with a preprocessor_config.json."""

    embedding_dim = 16
    used_mean, used_std = (0.4815, 0.4578, 0.4082), (0.2686, 0.2613, 0.2758)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model_dir = str(folder)
        self.clip: Any = None

    def setup(self) -> None:
        from transformers import CLIPConfig, CLIPModel

        tower = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        config = CLIPConfig(
            text_config={**tower, "vocab_size": 130, "max_position_embeddings": 128, "eos_token_id": 2},
            vision_config={**tower, "image_size": 32, "patch_size": 8},
            projection_dim=16,
        )
        self.clip = seeded(lambda: CLIPModel(config))

    def unload(self) -> None:
        self.clip = None

    @staticmethod
    def write_config(folder: Path) -> None:
        stated = {"image_mean": Wrapper.used_mean, "image_std": Wrapper.used_std, "do_normalize": True}
        (folder / "preprocessor_config.json").write_text(json.dumps(stated))

    def prepare(self, image: np.ndarray) -> torch.Tensor:
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        pixels = torch.nn.functional.interpolate(pixels, (32, 32), mode="bicubic", antialias=True).clamp(
            0, 1
        )[0]
        return (pixels - torch.tensor(self.used_mean)[:, None, None]) / torch.tensor(self.used_std)[
            :, None, None
        ]

    def embed_images(self, images: Any) -> torch.Tensor:
        pixels = torch.stack([self.prepare(image) for image in as_rgb_images(images)])
        with torch.no_grad():
            return self.finish(self.clip.get_image_features(pixel_values=pixels).pooler_output)

    def embed_text(self, texts: Any) -> torch.Tensor:
        codes = [[*(min(ord(letter), 127) for letter in text[:120]), 2] for text in as_texts(texts)]
        length = max(map(len, codes))
        ids = torch.tensor([code + [0] * (length - len(code)) for code in codes])
        mask = torch.tensor([[1] * len(code) + [0] * (length - len(code)) for code in codes])
        with torch.no_grad():
            output = self.clip.get_text_features(input_ids=ids, attention_mask=self.mask(mask))
        return self.finish(output.pooler_output)

    def mask(self, mask: torch.Tensor) -> torch.Tensor:
        return mask

    def finish(self, rows: torch.Tensor) -> torch.Tensor:
        return unit_rows(rows)


class Recurrent(VideoTextEmbeddingModel):
    """Clips and texts: frames one after another through a recurrent network; letters likewise, packed."""

    num_frames = 5
    embedding_dim = 12
    _model: Any = None

    def setup(self) -> None:
        self._model = seeded(self.network)

    @staticmethod
    def network() -> torch.nn.Module:
        layers = torch.nn
        return layers.ModuleDict(
            {
                "look": layers.Conv2d(3, 8, 8, stride=8),
                "remember": layers.GRU(8, 12, batch_first=True),
                "letters": layers.Embedding(128, 8),
                "read": layers.GRU(8, 12, batch_first=True),
            }
        )

    @property
    def ready(self) -> Any:
        if self._model is None:
            raise ModelNotReadyError("Call setup().")
        return self._model

    def preprocess_clip(self, frames: Any) -> torch.Tensor:
        clip = self._still(as_rgb_frames(frames))
        pixels = torch.from_numpy(clip.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
        return torch.nn.functional.adaptive_avg_pool2d(pixels, 16)

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        network = self.ready
        with torch.inference_mode():
            rows = []
            for clip in batch:
                seen = network["look"](clip).flatten(2).mean(2)
                rows.append(network["remember"](seen[None])[1][0, 0])
            return self.finish(torch.stack(rows))

    def embed_videos(self, videos: Any) -> torch.Tensor:
        return self.embed_preprocessed([self.preprocess_clip(clip) for clip in as_rgb_clips(videos)])

    def embed_text(self, texts: Any) -> torch.Tensor:
        codes = [torch.tensor([min(ord(letter), 127) for letter in text]) for text in as_texts(texts)]
        network, pack = self.ready, torch.nn.utils.rnn
        with torch.inference_mode():
            padded = pack.pad_sequence([network["letters"](code) for code in codes], batch_first=True)
            packed = pack.pack_padded_sequence(padded, [len(code) for code in codes], True, False)
            return self.finish(network["read"](packed)[1][0])

    def finish(self, rows: torch.Tensor) -> torch.Tensor:
        return unit_rows(rows)


class NoBase:
    """No base class, no setup, no unload, no ids; takes generators and bare clips too."""

    num_frames = 3

    def __init__(self) -> None:
        self.weights = seeded(lambda: torch.nn.Linear(48, 7)).weight.detach()

    def embed_videos(self, videos: Any) -> torch.Tensor:
        if not isinstance(videos, list | tuple | np.ndarray) and hasattr(videos, "__next__"):
            videos = list(videos)
        rows = []
        for clip in as_rgb_clips(videos):
            ends = torch.from_numpy(np.stack([clip[0], clip[-1]]).astype(np.float32)).permute(0, 3, 1, 2)
            rows.append(
                torch.nn.functional.adaptive_avg_pool2d(ends / 255, (4, 2)).flatten() @ self.weights.T
            )
        return unit_rows(torch.stack(rows))


class InConstructor(ImageEmbeddingModel):
    """Small enough to make its network in the constructor; setup and unload are the base class's."""

    def __init__(self) -> None:
        self.net = seeded(lambda: torch.nn.Linear(12, 2))

    def embed_images(self, images: Any) -> torch.Tensor:
        cells = [
            torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1) for image in as_rgb_images(images)
        ]
        cells = [torch.nn.functional.adaptive_avg_pool2d(cell / 255, 2).flatten() for cell in cells]
        with torch.no_grad():
            return unit_rows(self.net(torch.stack(cells)))


class HalfCompute(Still):
    """bfloat16 weights; the rows are float32."""

    def setup(self) -> None:
        super().setup()
        self._model = self._model.to(torch.bfloat16)

    def pixels(self, image: np.ndarray) -> torch.Tensor:
        return super().pixels(image).bfloat16()


class Autocast(Recurrent):
    """float32 weights, bfloat16 inside."""

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return super().embed_preprocessed(batch).float()


class Palette(TextImageEmbeddingModel):
    """No network at all: mean colours, and words for the three of them."""

    words = ("red", "green", "blue")

    def embed_images(self, images: Any) -> torch.Tensor:
        means = [image.reshape(-1, 3).mean(axis=0) for image in self.read(images)]
        return unit_rows(np.stack(means) + 1.0)

    def read(self, images: Any) -> list[np.ndarray]:
        return as_rgb_images(images)

    def embed_text(self, texts: Any) -> torch.Tensor:
        counts = [[text.lower().split().count(word) for word in self.words] for text in as_texts(texts)]
        return unit_rows(np.array(counts, np.float32) + 0.001)


class Numbers(torch.nn.Module):
    """A module that is a model: refuses bad inputs by itself, cannot be unloaded."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(97, 6)

    @torch.no_grad()
    def embed_text(self, texts: Any) -> torch.Tensor:
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ModelInputError("Texts, please.")
        rows = [self.table(torch.tensor([ord(letter) % 97 for letter in text])).mean(0) for text in texts]
        return torch.nn.functional.normalize(torch.stack(rows))
