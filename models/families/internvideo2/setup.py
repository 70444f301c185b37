"""What a network is built from: the reference's configuration EasyDict, read once into a record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from easydict import EasyDict

from models.errors import InvalidParameterError
from models.families.internvideo2.config import InternVideo2Config

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Setup", "compute_dtype"]

_INPUT_NAMES = ("logit_scale", "image_mean", "image_std")
_DTYPES = {"auto": torch.float32, "float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Setup:
    """What a network is built from; the configuration EasyDict, read once.

    Args:
        config: Its sizes.
        weights: File with the weights.
        vocabulary: Folder with ``vocab.txt``.
        device: Torch device, "auto" for the first accelerator.
        dtype: Number format to compute in: "auto" (float32), "float32" or "bfloat16".
        end_with_sep: Whether texts end with ``[SEP]``, as the reference has it.

    Example:
        >>> setup = Setup(InternVideo2Config.full_1b(), Path("a.pt"), Path("bert"))
        >>> Setup.read(setup.to_easydict()) == setup
        True
    """

    config: InternVideo2Config
    weights: Path
    vocabulary: Path
    device: str = "auto"
    dtype: str = "auto"
    end_with_sep: bool = True

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Setup:
        """Read the dictionary that ``_create_config`` makes, perhaps changed since.

        Args:
            config: The dictionary.

        Returns:
            The record.

        Raises:
            InvalidParameterError: If a name is missing or a value impossible.
        """
        try:
            text_encoder = dict(config["model"]["text_encoder"])
            vision_encoder = dict(config["model"]["vision_encoder"])
            whole = {
                "vision": vision_encoder
                | {name: config[name] for name in ("num_frames", "origin_num_frames")}
                | {"img_size": config["size_t"]},
                "text": text_encoder | {"max_txt_l": config["max_txt_l"]},
                "proj_dim": config["model"]["embed_dim"],
                **{name: config[name] for name in _INPUT_NAMES if name in config},
            }
            name, vocabulary = str(text_encoder["name"]), Path(text_encoder["pretrained"])
            weights = Path(config["pretrained_path"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidParameterError(
                f"The configuration lacks {error}.", next_step="Change what _create_config returned."
            ) from error
        if not name.startswith("bert"):
            raise InvalidParameterError(f"Not implemented: the text encoder {name!r}; it is a 'bert'.")
        sizes = InternVideo2Config.from_dict(whole)
        return cls(
            sizes,
            weights,
            vocabulary,
            device=str(config.get("device", "auto")),
            dtype=str(config.get("dtype", "auto")),
            end_with_sep=bool(config.get("end_with_sep", True)),
        )

    def to_easydict(self) -> EasyDict:
        """Write the record as the reference's configuration."""
        vision, text = self.config.to_dict()["vision"], self.config.to_dict()["text"]
        return EasyDict(
            num_frames=vision.pop("num_frames"),
            origin_num_frames=vision.pop("origin_num_frames"),
            size_t=vision.pop("img_size"),
            max_txt_l=text.pop("max_txt_l"),
            pretrained_path=str(self.weights),
            device=self.device,
            dtype=self.dtype,
            end_with_sep=self.end_with_sep,
            logit_scale=self.config.logit_scale,
            image_mean=list(self.config.image_mean),
            image_std=list(self.config.image_std),
            model={
                "vision_encoder": vision,
                "text_encoder": {"name": "bert_large", "pretrained": str(self.vocabulary), **text},
                "embed_dim": self.config.proj_dim,
                "temp": 0.07,
            },
        )


def compute_dtype(name: Any) -> torch.dtype:
    """Read the number format that a network shall compute in.

    Args:
        name: "auto" (float32), "float32", "bfloat16", or a torch dtype.

    Returns:
        The dtype.

    Raises:
        InvalidParameterError: If it is another one.

    Example:
        >>> compute_dtype("auto")
        torch.float32
    """
    found = _DTYPES.get(str(name).removeprefix("torch."))
    if found is None:
        raise InvalidParameterError(
            f"InternVideo2 does not compute in {name!r}; allowed are {', '.join(_DTYPES)}."
        )
    return found
