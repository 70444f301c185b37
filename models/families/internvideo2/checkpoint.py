"""Weights from a file into a network: checked before they are read, copied one at a time."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from models.errors import CorruptedModelPackageError, PackageNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from models.families.internvideo2.config import InternVideo2Config

__all__ = ["WeightsFile", "key_problems", "read_state", "resample_frames"]

_WINDOW = 2**27  # bytes of a mapped file that may stay resident while it is copied
_SHOWN = 5  # keys that a message names
_POSITIONS = "vision_encoder.pos_embed"
_UNNEEDED = re.compile(
    r"temp|itm_head\.(weight|bias)|text_encoder\.cls\..+|text_encoder\.bert\.embeddings\.position_ids"
    r"|vision_encoder\.(clip_decoder\.\d+|final_clip_decoder)\..+|vision_encoder\.clip_(img_)?pos_embed"
)
_TEXT_LAYER = re.compile(r"text_encoder\.bert\.encoder\.layer\.(\d+)\..+")
_FRESH = "Put a fresh copy of the weights there."

_Reader = Callable[[str], Any]


@dataclass(frozen=True)
class WeightsFile:
    """A file of named tensors, of which only names and shapes were read.

    Args:
        path: The file.
        shapes: Name -> shape; of something that is no tensor ``()``.
        opener: Opens the file and gives a function from name to tensor.
    """

    path: Path
    shapes: dict[str, tuple[int, ...]]
    opener: Callable[[], _Reader]

    @classmethod
    def open(cls, path: Path) -> WeightsFile:
        """Read names and shapes; runs no code of the file.

        Args:
            path: A ``.safetensors`` file, or one that ``torch.save`` wrote: the tensors at its
                top level or under "model" or "module".

        Returns:
            The file.

        Raises:
            PackageNotFoundError: If it does not exist.
            CorruptedModelPackageError: If it cannot be read, is cut short or holds no tensors.
        """
        if not path.is_file():
            raise PackageNotFoundError(
                f"InternVideo2's weights are missing; they were expected at {path}.",
                next_step="Put the file there, or run: workbench models download "
                "OpenGVLab/InternVideo2-Stage2_1B-224p-f4 (accept its terms on the hub first).",
            )
        try:
            return cls._safetensors(path) if path.suffix == ".safetensors" else cls._torch(path)
        except CorruptedModelPackageError:
            raise
        except Exception as error:  # whatever a damaged or malicious file makes a reader raise
            raise CorruptedModelPackageError(
                f"{path} cannot be read as weights; it is damaged, cut short or of another kind: "
                f"{_said(error)}",
                next_step=_FRESH,
            ) from error

    @classmethod
    def _safetensors(cls, path: Path) -> WeightsFile:
        """Open a file of the safetensors format."""
        from safetensors import safe_open

        file = safe_open(path, framework="pt")
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
        return cls(path, shapes, lambda: safe_open(path, framework="pt").get_tensor)

    @classmethod
    def _torch(cls, path: Path) -> WeightsFile:
        """Open a file of ``torch.save``; one of the old format cannot be mapped and is read at once."""
        mapped = zipfile.is_zipfile(path)
        state = _load_state(path, mapped=mapped)
        shapes = {str(name): tuple(getattr(value, "shape", ())) for name, value in state.items()}
        if mapped:
            return cls(path, shapes, lambda: _load_state(path, mapped=True).__getitem__)
        return cls(path, shapes, lambda: state.__getitem__)

    def tensors(self, names: Iterable[str]) -> Iterator[tuple[str, torch.Tensor]]:
        """Give tensors one after the other; copy what shall last, the file is let go in between.

        Args:
            names: Names of the file.

        Yields:
            Name and tensor.
        """
        reader, seen = self.opener(), 0
        for name in names:
            tensor = reader(name)
            seen += tensor.nbytes
            yield name, tensor
            if seen > _WINDOW:  # a mapped file counts as memory as far as it was touched
                del tensor
                reader, seen = self.opener(), 0


def read_state(
    file: WeightsFile,
    wanted: Mapping[str, tuple[int, ...]],
    config: InternVideo2Config,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> dict[str, torch.Tensor]:
    """Read the weights that a network needs.

    Args:
        file: The file.
        wanted: Name -> shape of every weight of the network.
        config: Sizes of the network.
        device: Where the weights shall be.
        dtype: What they shall be; bfloat16 in the file is float32 here unless asked otherwise.

    Returns:
        Name -> tensor, complete.

    Raises:
        CorruptedModelPackageError: If weights are missing, unknown, of another shape or no floats.
    """
    problems = key_problems(file.shapes, wanted, config)
    if problems:
        raise CorruptedModelPackageError(
            f"The weights in {file.path} do not fit the network: {' '.join(problems)}",
            next_step="Check that config.json belongs to these weights, or put a fresh copy of them there.",
        )
    state = {}
    for name, stored in file.tensors(wanted):
        if not stored.is_floating_point():
            raise CorruptedModelPackageError(
                f"{name} in {file.path} holds {stored.dtype}, not floats.", next_step=_FRESH
            )
        resampled = stored
        if name == _POSITIONS and tuple(stored.shape) != wanted[name]:
            resampled = resample_frames(stored, config.vision.origin_num_frames, config.vision.num_frames)
        state[name] = resampled.to(device, dtype, copy=True).contiguous()
        del stored, resampled  # the file is let go only when nothing looks at it
    return state


def key_problems(
    found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], config: InternVideo2Config
) -> list[str]:
    """Compare the names and shapes of a file with those of a network.

    Args:
        found: Name -> shape in the file.
        wanted: Name -> shape in the network.
        config: Sizes of the network.

    Returns:
        One sentence per kind of problem; empty when the file fits.
    """
    problems = []
    missing = [name for name in wanted if name not in found]
    unknown = [name for name in found if name not in wanted and not _is_unneeded(name, config)]
    other = [
        f"{name} is {list(found[name])}, not {list(shape)}"
        for name, shape in wanted.items()
        if name in found and found[name] not in _accepted(name, shape, config)
    ]
    for text, names in (("missing", missing), ("unknown", unknown), ("of another shape", other)):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            problems.append(f"{len(names)} {text}: {'; '.join(names[:_SHOWN])}{more}.")
    return problems


def resample_frames(positions: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """Stretch a position embedding from one number of frames to another.

    Args:
        positions: [1, 1 + old * patches, width], the class token's row first.
        old: Frames it was made for.
        new: Frames it shall be for.

    Returns:
        [1, 1 + new * patches, width] in the same dtype, interpolated in that dtype.

    Example:
        >>> resample_frames(torch.tensor([[[9.0], [0.0], [1.0]]]), 2, 3).flatten().tolist()
        [9.0, 0.0, 0.5, 1.0]
    """
    first, rest = positions[:, :1], positions[0, 1:].unflatten(0, (old, -1))
    stretched = functional.interpolate(rest.permute(1, 2, 0).contiguous(), size=new, mode="linear")
    return torch.cat([first, stretched.permute(2, 0, 1).flatten(0, 1)[None]], dim=1)


def _accepted(name: str, shape: tuple[int, ...], config: InternVideo2Config) -> tuple[tuple[int, ...], ...]:
    """Shapes that a weight may have in a file."""
    if name != _POSITIONS:
        return (shape,)
    vision = config.vision
    return shape, (1, 1 + vision.origin_num_frames * vision.patches_per_frame, vision.embed_dim)


def _is_unneeded(name: str, config: InternVideo2Config) -> bool:
    """Tell whether a weight belongs to what only training or re-ranking uses."""
    layer = _TEXT_LAYER.fullmatch(name)
    if layer:
        return config.text.fusion_layer <= int(layer[1]) < config.text.num_hidden_layers
    return bool(_UNNEEDED.fullmatch(name))


def _load_state(path: Path, *, mapped: bool) -> dict[str, Any]:
    """Find the named tensors of a ``torch.save`` file: under "model", else "module", else at its top."""
    loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    state = loaded
    for name in ("module", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            state = loaded[name]
    if not isinstance(state, dict) or not any(torch.is_tensor(value) for value in state.values()):
        raise CorruptedModelPackageError(f"{path} holds no named tensors.", next_step=_FRESH)
    for name, value in state.items():
        if torch.is_tensor(value) and (value.is_meta or value.layout is not torch.strided):
            raise CorruptedModelPackageError(f"{name} in {path} is sparse or has no data.", next_step=_FRESH)
    return state


def _said(error: Exception) -> str:
    """What a reader said, shortly; torch's advice to run what a file holds is left out."""
    if "weights_only" in str(error):
        return "it holds something else than tensors; nothing of it was run."
    return f"{type(error).__name__}: {str(error)[:200]}"
