"""From frames of any size to what an image tower reads; ours, vectorised, with torch alone.

The numbers are those of the PIL image processors of transformers, whatever else is installed:
resizing differs from theirs by at most one grey level.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from models.encoders.resampling import (
    RESAMPLING,
    centre_window,
    resize_uint8,
    resize_window,
    shared_tensor,
    shortest_edge_size,
)
from models.errors import InvalidParameterError, ModelInputError
from models.inputs import as_rgb_frames

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ImagePreprocessing"]

_WASTE = 16  # a resized picture this many times its crop is not computed whole


@dataclass(frozen=True)
class ImagePreprocessing:
    """Resize, centre crop and normalise, as one image model was trained with.

    Safe to share between threads: it holds settings only.

    Args:
        size: A number is the shorter side after resizing (the shape is kept); a pair is the
            height and width that every picture is stretched to; None leaves the size alone.
        crop: Height and width of the centre crop after that; None takes no crop. Where the
            picture is smaller, black is put around it.
        resample: "bicubic" or "bilinear", both with antialiasing.
        mean: Mean of each colour, of values that were multiplied by ``scale``.
        std: Standard deviation of each colour.
        scale: Factor on the grey levels 0..255.

    Raises:
        InvalidParameterError: If the settings make no sense, or leave pictures of unequal sizes.

    Example:
        >>> import numpy as np
        >>> clip_like = ImagePreprocessing(size=224, crop=(224, 224), mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> pixels = clip_like(np.zeros((8, 360, 640, 3), np.uint8))
        >>> pixels.shape, pixels.dtype, clip_like.normalise(pixels).unique().tolist()
        (torch.Size([8, 3, 224, 224]), torch.uint8, [-1.0])
        >>> clip_like.signature
        'short224-bicubic-crop224x224-u8-x0.003921569-mean0.5,0.5,0.5-std0.5,0.5,0.5'
    """

    size: int | tuple[int, int] | None = 224
    crop: tuple[int, int] | None = None
    resample: str = "bicubic"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    scale: float = 1 / 255

    def __post_init__(self) -> None:
        if self.resample not in RESAMPLING:
            raise InvalidParameterError(
                f"resample {self.resample!r} is unknown; it is one of {', '.join(RESAMPLING)}."
            )
        if self.crop is None and not isinstance(self.size, tuple):
            raise InvalidParameterError(
                f"size {self.size!r} without a crop leaves pictures of unequal sizes.",
                next_step="Give a crop (height, width), or a size (height, width) to stretch to.",
            )
        for name in ("mean", "std"):
            if len(getattr(self, name)) != 3:
                raise InvalidParameterError(f"{name} has one number per colour; {getattr(self, name)} came.")
        if min(self.std) <= 0:
            raise InvalidParameterError(f"Standard deviations are above 0; {self.std} came.")
        if min(*self._edges(), 1) < 1:
            raise InvalidParameterError(
                f"Sizes are at least 1 pixel; size {self.size} and crop {self.crop} came."
            )

    @classmethod
    def from_config(
        cls, preprocessor_config: Mapping[str, Any], *, default_type: str = ""
    ) -> ImagePreprocessing:
        """Read the content of a ``preprocessor_config.json`` of the hub, in any of its spellings.

        Args:
            preprocessor_config: The JSON object.
            default_type: Image processor to take the defaults of when the file names none, for
                example "CLIPImageProcessor".

        Returns:
            The same preprocessing as the processor that the file names.

        Raises:
            CorruptedModelPackageError: If it asks for something that cannot be done exactly.

        Example:
            >>> ImagePreprocessing.from_config({"feature_extractor_type": "CLIPFeatureExtractor", "size": 32,
            ...     "crop_size": 32}).output_size
            (32, 32)
        """
        from models.encoders.preprocessing_config import read_settings

        return cls(**read_settings(preprocessor_config, default_type))

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of every picture that comes out."""
        return self.crop or self.size  # ty: ignore[invalid-explicit-return]  (a pair, see __post_init__)

    @property
    def signature(self) -> str:
        """Short text that says all of it: part of the embedding space."""
        if isinstance(self.size, int):
            resize = f"short{self.size}-{self.resample}"
        else:
            resize = f"size{self.size[0]}x{self.size[1]}-{self.resample}" if self.size else "noresize"
        crop = f"-crop{self.crop[0]}x{self.crop[1]}" if self.crop else ""
        mean, std = (",".join(f"{value:.7g}" for value in values) for values in (self.mean, self.std))
        return f"{resize}{crop}-u8-x{self.scale:.7g}-mean{mean}-std{std}"

    def __call__(self, frames: Any) -> torch.Tensor:
        """Resize and crop the frames of one clip.

        Args:
            frames: RGB uint8 (T, H, W, 3), or what else ``models.inputs.as_rgb_frames`` reads.

        Returns:
            uint8 (T, 3, h, w), contiguous; the memory of ``frames`` is not shared.

        Raises:
            ModelInputError: If it is no clip.
        """
        pixels = shared_tensor(as_rgb_frames(frames))
        height, width = self._resized(*pixels.shape[1:3])
        crop = self.crop or (height, width)
        (rows, above), (columns, left) = centre_window(height, crop[0]), centre_window(width, crop[1])
        if height * width > _WASTE * crop[0] * crop[1]:
            seen = resize_window(pixels, (height, width), (rows, columns), self.resample)
        else:
            seen = resize_uint8(pixels, (height, width), self.resample)[..., rows, columns]
        out = torch.zeros(len(pixels), 3, *crop, dtype=torch.uint8)
        out[..., above : above + seen.shape[2], left : left + seen.shape[3]] = seen
        return out

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """Scale grey levels to what the network was trained on, on the device of the pixels.

        Args:
            pixels: uint8 [N, 3, h, w].

        Returns:
            float32 [N, 3, h, w].

        Raises:
            ModelInputError: If they are no such pixels.
        """
        if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:
            raise ModelInputError(
                f"Pixels are uint8 [N, 3, h, w]; {pixels.dtype} {list(pixels.shape)} came.",
                next_step="Call the preprocessing with the frames first.",
            )
        factor, offset = _scaling(tuple(self.mean), tuple(self.std), self.scale, str(pixels.device))
        return torch.addcmul(offset, pixels.float(), factor)

    def _resized(self, height: int, width: int) -> tuple[int, int]:
        """Size of a picture after resizing, before the crop."""
        if self.size is None:
            return height, width
        return shortest_edge_size(height, width, self.size) if isinstance(self.size, int) else self.size

    def _edges(self) -> list[int]:
        """All lengths of the settings."""
        size = (self.size,) if isinstance(self.size, int) else self.size or ()
        return [*size, *(self.crop or ())]


@functools.lru_cache(maxsize=64)
def _scaling(
    mean: tuple[float, ...], std: tuple[float, ...], scale: float, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Factor and offset per colour, [3, 1, 1] each; kept, since an accelerator waits for such a copy."""
    with torch.inference_mode(mode=False):
        factor = torch.tensor([scale / one for one in std])
        offset = torch.tensor([-middle / one for middle, one in zip(mean, std, strict=True)])
        return factor[:, None, None].to(device), offset[:, None, None].to(device)
