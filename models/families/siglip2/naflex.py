"""Pictures as NaFlex sees them: the aspect ratio kept, a bounded number of patches, no padding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from models.encoders.preprocessing import ImagePreprocessing
from models.encoders.preprocessing_config import read_settings
from models.encoders.resampling import resize_uint8, shared_tensor
from models.encoders.transformers_loading import feature_rows, read_object
from models.errors import CorruptedModelPackageError
from models.inputs import as_rgb_frames

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PatchPreprocessing", "patch_grid", "read_patches"]

_STEP, _LARGEST = 1e-5, 100.0  # the search of the reference, whose last digits decide at a border


def patch_grid(height: int, width: int, *, patch: int = 16, patches: int = 256) -> tuple[int, int]:
    """Choose how many patches high and wide a picture becomes: as many as allowed, its shape kept.

    Args:
        height: Of the picture, in pixels.
        width: Of the picture, in pixels.
        patch: Side of a patch in pixels.
        patches: Most patches of a picture.

    Returns:
        Rows and columns of patches, each at least 1.

    Example:
        >>> patch_grid(360, 640), patch_grid(640, 360), patch_grid(224, 224)
        ((12, 21), (21, 12), (16, 16))
    """
    low, high = _STEP / 10, _LARGEST
    while high - low >= _STEP:
        middle = (low + high) / 2
        rows, columns = _cells(height, middle, patch), _cells(width, middle, patch)
        low, high = (middle, high) if rows * columns <= patches else (low, middle)
    return _cells(height, low, patch), _cells(width, low, patch)


def _cells(length: int, scale: float, patch: int) -> int:
    """Patches that cover a length after scaling."""
    return max(1, math.ceil(length * scale / patch))


@dataclass(frozen=True)
class PatchPreprocessing(ImagePreprocessing):
    """Resize to whole patches and normalise; pictures of unequal shapes stay unequal.

    Args:
        patch: Side of a patch in pixels.
        patches: Most patches of a picture.

    Example:
        >>> import numpy as np
        >>> PatchPreprocessing(resample="bilinear")(np.zeros((2, 360, 640, 3), np.uint8)).shape
        torch.Size([2, 3, 192, 336])
    """

    size: int | tuple[int, int] | None = None
    patch: int = 16
    patches: int = 256

    def __post_init__(self) -> None:
        """Check what a package may have wrong; colours were checked when they were read."""
        for name in ("patch", "patches"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 16384:
                raise CorruptedModelPackageError(f"{name} = {value!r} cannot be done.")

    @property
    def signature(self) -> str:
        """Short text that says all of it: part of the embedding space."""
        mean, std = (",".join(f"{value:.7g}" for value in values) for values in (self.mean, self.std))
        grid = f"naflex{self.patches}x{self.patch}px-{self.resample}"
        return f"{grid}-u8-x{self.scale:.7g}-mean{mean}-std{std}"

    def __call__(self, frames: Any) -> torch.Tensor:
        """Resize the frames of one clip to whole patches.

        Args:
            frames: RGB uint8 (T, H, W, 3), or what else ``models.inputs.as_rgb_frames`` reads.

        Returns:
            uint8 (T, 3, h, w), both sides whole patches.
        """
        pixels = shared_tensor(as_rgb_frames(frames))
        rows, columns = patch_grid(*pixels.shape[1:3], patch=self.patch, patches=self.patches)
        return resize_uint8(pixels, (rows * self.patch, columns * self.patch), self.resample).contiguous()

    def encode(self, network: Any, pixels: torch.Tensor) -> torch.Tensor:
        """Give normalised pictures of one shape to the network: rows [N, D].

        Without unequal shapes in a pass nothing is padded; padding is masked in the reference
        and changes nothing but the time.
        """
        rows, columns = pixels.shape[2] // self.patch, pixels.shape[3] // self.patch
        cells = pixels.unflatten(3, (columns, self.patch)).unflatten(2, (rows, self.patch))
        values = cells.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        output = network.get_image_features(
            pixel_values=values,
            pixel_attention_mask=torch.ones(values.shape[:2], dtype=torch.int64, device=pixels.device),
            spatial_shapes=torch.tensor([[rows, columns]] * len(pixels), device=pixels.device),
        )
        return feature_rows(output)


def read_patches(folder: Path, patch: int) -> PatchPreprocessing:
    """Read how a NaFlex package wants its pictures.

    Args:
        folder: The package folder.
        patch: Side of a patch that the network has.

    Returns:
        The preprocessing.

    Raises:
        PackageNotFoundError: If the file is missing.
        CorruptedModelPackageError: If it is of another image processor, or does not fit the network.
    """
    given = _picture_settings(folder)
    kind = str(given.get("image_processor_type", "Siglip2ImageProcessor"))
    own = {name: given.pop(name, usual) for name, usual in (("patch_size", 16), ("max_num_patches", 256))}
    if kind.removesuffix("Fast").removesuffix("Pil") != "Siglip2ImageProcessor" or own["patch_size"] != patch:
        raise CorruptedModelPackageError(
            f"The image processor in {folder} is {kind} with patches of {own['patch_size']} pixels; its "
            f"network is NaFlex of SigLIP 2 with patches of {patch}.",
            next_step="Put a fresh copy of the package there.",
        )
    square = {"size": {"height": patch, "width": patch}, "image_processor_type": "SiglipImageProcessor"}
    read = read_settings({"resample": 2, **given, **square})
    colours = {name: read[name] for name in ("resample", "mean", "std", "scale")}
    return PatchPreprocessing(**colours, patch=patch, patches=own["max_num_patches"])


def _picture_settings(folder: Path) -> dict[str, Any]:
    """The image processor's own settings, from either file that the hub has for them."""
    if (folder / "processor_config.json").is_file():
        nested = read_object(folder, "processor_config.json").get("image_processor")
        if isinstance(nested, dict):
            return dict(nested)
    return read_object(folder, "preprocessor_config.json")
