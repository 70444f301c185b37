"""The workbench's side of InternVideo2: clips, images and texts of any number to unit rows."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from models.base import VideoTextEmbeddingModel
from models.encoders.number_format import NumberFormat, load_in_best_format
from models.encoders.packed_linear import pack_linears
from models.families.internvideo2.preprocessing import covering_frames, resize_bilinear
from models.families.internvideo2.setup import compute_dtype
from models.families.internvideo2.wrapper import _InternVideo2Stage2Wrapper, _setup_internvideo2
from models.inputs import as_rgb_clips, as_rgb_frames, as_rgb_images, as_texts
from models.runtime import pick_device

if TYPE_CHECKING:
    from models.families.internvideo2.setup import Setup

__all__ = ["EmbeddingMethods", "signature"]

_TOKENS_ON_PROCESSOR = 2048  # in one pass: bounds memory, and more is not faster
_TOKENS_ON_ACCELERATOR = 16384
_TEXTS_PER_PASS = 64


class EmbeddingMethods(VideoTextEmbeddingModel):
    """What follows from a loaded network and what ``setup`` read."""

    dtype: str = "float32"
    dtype_reason: str = ""
    _model: _InternVideo2Stage2Wrapper | None = None

    @property
    @abstractmethod
    def _ready(self) -> Setup:
        """What ``setup`` read."""

    @property
    @abstractmethod
    def _network(self) -> _InternVideo2Stage2Wrapper:
        """The loaded network."""

    def _load_network(self, asked: Setup) -> None:
        """Load the network in the number format that was asked for, or in the best one."""
        self.device = pick_device(asked.device)
        if asked.dtype == "auto":
            found = load_in_best_format(self, asked.weights, self._load_in)
        else:
            found = NumberFormat(str(compute_dtype(asked.dtype)).removeprefix("torch."), "as asked for")
            self._load_in(found.dtype)
        self.dtype, self.dtype_reason = found.dtype, found.reason

    def _load_in(self, dtype: str) -> None:
        """Load the network in a number format, in place of the one that is loaded."""
        self._model = None  # never two networks in memory
        self._model = _setup_internvideo2(replace(self._ready, dtype=dtype).to_easydict())
        pack_linears(self._model)
        self.device = str(self._model.device)

    def preprocess_clip(self, frames: Any) -> torch.Tensor:
        """Choose T frames that cover a clip, and squash them; safe to call from threads.

        Args:
            frames: RGB uint8 (N, H, W, 3), any N; a single frame stays one, it is an image.

        Returns:
            uint8 (T, S, S, 3) on the CPU, or (1, S, S, 3).
        """
        vision = self._ready.config.vision
        clip = as_rgb_frames(frames)
        chosen = covering_frames(len(clip), vision.num_frames if len(clip) > 1 else 1)
        return torch.from_numpy(resize_bilinear(clip[chosen], vision.img_size, vision.img_size))

    def embed_preprocessed(self, batch: list[Any]) -> torch.Tensor:
        """Embed what ``preprocess_clip`` gave: float32 [N, D] on the CPU, unit rows."""
        network = self._network
        rows = torch.empty(len(batch), self._ready.config.proj_dim)
        by_frames: dict[int, list[int]] = {}
        for place, clip in enumerate(batch):
            by_frames.setdefault(len(clip), []).append(place)
        for count, places in by_frames.items():
            step = self._clips_per_pass(count)
            for start in range(0, len(places), step):
                chunk = places[start : start + step]
                rows[chunk] = network.get_vid_feat(self._pixels([batch[place] for place in chunk])).cpu()
        return rows

    def embed_videos(self, videos: Any) -> torch.Tensor:
        """Embed clips of any number of frames; the whole of each is covered.

        Args:
            videos: A list of clips, each RGB uint8 (N, H, W, 3); a clip of one frame is an image.

        Returns:
            float32 [N, D] on the CPU, unit rows in order.
        """
        return self.embed_preprocessed([self.preprocess_clip(clip) for clip in as_rgb_clips(videos)])

    def embed_images(self, images: Any) -> torch.Tensor:
        """Embed images, with the position embedding made for them: float32 [N, D] on the CPU, unit rows."""
        return self.embed_preprocessed([self.preprocess_clip(image) for image in as_rgb_images(images)])

    def embed_text(self, texts: Any) -> torch.Tensor:
        """Embed one text or a list of texts: float32 [P, D] on the CPU, unit rows in order."""
        wanted, network = as_texts(texts), self._network
        parts = range(0, len(wanted), _TEXTS_PER_PASS)
        return torch.cat([network.get_txt_feat(wanted[i : i + _TEXTS_PER_PASS]).cpu() for i in parts])

    def _clips_per_pass(self, frames: int) -> int:
        """Clips of so many frames that go through the network together."""
        tokens = _TOKENS_ON_PROCESSOR if self.device == "cpu" else _TOKENS_ON_ACCELERATOR
        return max(tokens // (1 + frames * self._ready.config.vision.patches_per_frame), 1)

    def _pixels(self, clips: list[torch.Tensor]) -> torch.Tensor:
        """Normalise squashed clips on the model's device: float32 [B, T, 3, S, S]."""
        config, device = self._ready.config, self._network.device
        pixels = torch.stack(clips).to(device).permute(0, 1, 4, 2, 3).float() / 255.0
        colours = torch.tensor([config.image_mean, config.image_std], device=device)[..., None, None]
        return (pixels - colours[0]) / colours[1]


def signature(setup: Setup) -> str:
    """Say shortly what happens to pixels and texts before the network."""
    colours = ",".join(f"{value:g}" for value in (*setup.config.image_mean, *setup.config.image_std))
    ending = "" if setup.end_with_sep else "-nosep"
    return f"internvideo2-squash{setup.config.vision.img_size}-bilinear2048-{colours}{ending}"
