"""The sizes of an InternVideo2 network as frozen records, read once from a mapping or a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeVar

from models.errors import CorruptedModelPackageError, InvalidParameterError
from models.json_text import read_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["InternVideo2Config", "TextConfig", "VisionConfig"]

_Record = TypeVar("_Record")
# What the network is built for; a file that says otherwise describes another network.
_MOST_LAYERS = 1000
_FIXED = {
    "in_chans": 3,
    "tubelet_size": 1,
    "qkv_bias": False,
    "qk_normalization": True,
    "layer_scale": True,
    "sep_image_video_pos_embed": True,
    "hidden_act": "gelu",
}


@dataclass(frozen=True)
class VisionConfig:
    """Sizes of the visual tower.

    Args:
        img_size: Side of the picture in pixels.
        patch_size: Side of a patch in pixels.
        num_frames: T, frames of a clip.
        embed_dim: Width of the tokens.
        depth: Number of blocks.
        num_heads: Attention heads of a block.
        attn_pool_num_heads: Attention heads of the pooling.
        clip_embed_dim: Width after the pooling.
        origin_num_frames: Frames that the position embedding of the file was made for; 0 is
            ``num_frames``.
        mlp_hidden_dim: Hidden width of a block's MLP; 0 follows from ``mlp_ratio``.
        mlp_ratio: Hidden width over token width; the product is truncated.
        rms_norm_eps: Epsilon of the norms in the blocks.
        attn_pool_norm_eps: Epsilon of the norms in the pooling.
    """

    img_size: int
    patch_size: int
    num_frames: int
    embed_dim: int
    depth: int
    num_heads: int
    attn_pool_num_heads: int
    clip_embed_dim: int
    origin_num_frames: int = 0
    mlp_hidden_dim: int = 0
    mlp_ratio: float = 48 / 11
    rms_norm_eps: float = 1e-6
    attn_pool_norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        """Fill in what follows from the rest, and refuse sizes that fit no network."""
        if not self.origin_num_frames:
            object.__setattr__(self, "origin_num_frames", self.num_frames)
        if not self.mlp_hidden_dim:
            object.__setattr__(self, "mlp_hidden_dim", int(self.embed_dim * self.mlp_ratio))
        _check_positive(self)
        _check_layers("depth", self.depth)
        _check_divides("patch_size", self.patch_size, "img_size", self.img_size)
        _check_divides("num_heads", self.num_heads, "embed_dim", self.embed_dim)
        _check_divides("attn_pool_num_heads", self.attn_pool_num_heads, "embed_dim", self.embed_dim)

    @property
    def patches_per_frame(self) -> int:
        """Tokens of one frame."""
        return (self.img_size // self.patch_size) ** 2


@dataclass(frozen=True)
class TextConfig:
    """Sizes of the text tower.

    Args:
        hidden_size: Width of the tokens.
        num_hidden_layers: Layers in the file.
        fusion_layer: Layers that are used, the first ones.
        num_attention_heads: Attention heads of a layer.
        intermediate_size: Hidden width of a layer's MLP.
        max_position_embeddings: Longest text of the position embedding.
        vocab_size: Number of word pieces.
        max_txt_l: Tokens of a text, special ones counted; longer texts are cut.
        type_vocab_size: Segments of the segment embedding; the first is used.
        layer_norm_eps: Epsilon of the norms.
        pad_token_id: Number of the padding token.
    """

    hidden_size: int
    num_hidden_layers: int
    fusion_layer: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    vocab_size: int
    max_txt_l: int
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0

    def __post_init__(self) -> None:
        """Refuse sizes that fit no network."""
        _check_positive(self, besides=("pad_token_id",))
        _check_layers("num_hidden_layers", self.num_hidden_layers)
        _check_divides("num_attention_heads", self.num_attention_heads, "hidden_size", self.hidden_size)
        if self.fusion_layer > self.num_hidden_layers:
            raise InvalidParameterError(
                f"fusion_layer {self.fusion_layer} is above num_hidden_layers {self.num_hidden_layers}."
            )
        if not 3 <= self.max_txt_l <= self.max_position_embeddings:
            raise InvalidParameterError(
                f"max_txt_l is 3 to max_position_embeddings ({self.max_position_embeddings}); "
                f"{self.max_txt_l} came."
            )


@dataclass(frozen=True)
class InternVideo2Config:
    """Everything that shapes an InternVideo2 network and its inputs.

    Args:
        vision: The visual tower.
        text: The text tower.
        proj_dim: D, dimension of the space that both share.
        logit_scale: What similarities are multiplied with before the softmax.
        image_mean: Mean of red, green and blue, of values in 0..1.
        image_std: Deviation of red, green and blue.

    Example:
        >>> config = InternVideo2Config.full_1b()
        >>> config.vision.mlp_hidden_dim, config.text.fusion_layer, config.proj_dim
        (6144, 19, 512)
        >>> InternVideo2Config.from_dict(config.to_dict()) == config
        True
    """

    vision: VisionConfig
    text: TextConfig
    proj_dim: int
    logit_scale: float = 100.0
    image_mean: tuple[float, float, float] = field(default=(0.485, 0.456, 0.406))
    image_std: tuple[float, float, float] = field(default=(0.229, 0.224, 0.225))

    def __post_init__(self) -> None:
        """Refuse numbers that fit no network."""
        if self.proj_dim < 1 or min(self.logit_scale, *self.image_std) <= 0:
            raise InvalidParameterError(
                f"proj_dim, logit_scale and image_std must be above 0; they are {self.proj_dim}, "
                f"{self.logit_scale} and {self.image_std}."
            )

    @classmethod
    def full_1b(cls) -> InternVideo2Config:
        """Sizes of the published model of 1 B parameters."""
        return cls(
            vision=VisionConfig(
                img_size=224,
                patch_size=14,
                num_frames=4,
                embed_dim=1408,
                depth=40,
                num_heads=16,
                attn_pool_num_heads=16,
                clip_embed_dim=768,
            ),
            text=TextConfig(
                hidden_size=1024,
                num_hidden_layers=24,
                fusion_layer=19,
                num_attention_heads=16,
                intermediate_size=4096,
                max_position_embeddings=512,
                vocab_size=30522,
                max_txt_l=40,
            ),
            proj_dim=512,
        )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> InternVideo2Config:
        """Read the names of a ``config.json``; names that no size needs are ignored.

        Args:
            raw: "vision", "text", "proj_dim" and the rest, as ``to_dict`` writes them.

        Returns:
            The record.

        Raises:
            InvalidParameterError: If a size is missing or impossible, or the mapping describes
                a network of another kind.
        """
        for name in ("vision", "text"):
            if not isinstance(raw.get(name), Mapping):
                raise InvalidParameterError(
                    f"{name!r} must hold the sizes of a tower; it is {raw.get(name)!r}."
                )
        colours = {name: _triple(name, raw[name]) for name in ("image_mean", "image_std") if name in raw}
        return cls(
            vision=_read(VisionConfig, raw["vision"], "vision"),
            text=_read(TextConfig, raw["text"], "text"),
            proj_dim=_number("proj_dim", raw.get("proj_dim"), int),
            logit_scale=_number("logit_scale", raw.get("logit_scale", cls.logit_scale), float),
            **colours,
        )

    @classmethod
    def from_file(cls, path: Path) -> InternVideo2Config:
        """Read a ``config.json``.

        Args:
            path: The file.

        Returns:
            The record.

        Raises:
            CorruptedModelPackageError: If it is no JSON, or not the configuration of such a network.
        """
        try:
            return cls.from_dict(read_json(path))
        except (OSError, ValueError, AttributeError) as error:  # ours are ValueErrors
            raise CorruptedModelPackageError(
                f"{path} is no configuration of an InternVideo2 network: {error}",
                next_step="Put a fresh copy of the package there.",
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """The record as ``config.json`` holds it."""
        return asdict(self)


def _read(record: type[_Record], raw: Mapping[str, Any], tower: str) -> _Record:
    """Read one tower: every size that has no default must be there."""
    for name, only in _FIXED.items():
        if name in raw and raw[name] != only:
            raise InvalidParameterError(f"{tower}.{name} is {raw[name]!r}; only {only!r} is supported.")
    values = {}
    for one in fields(record):  # ty: ignore[invalid-argument-type]  (always a dataclass)
        if one.name in raw:
            kind = float if one.type == "float" else int
            values[one.name] = _number(f"{tower}.{one.name}", raw[one.name], kind)
        elif one.default is MISSING:
            raise InvalidParameterError(f"{tower}.{one.name} is missing.")
    return record(**values)


def _number(name: str, value: Any, kind: type) -> Any:
    """Check one number; whole numbers will do for floats."""
    kinds = (int, float) if kind is float else (int,)
    if not isinstance(value, kinds) or isinstance(value, bool) or value < 0:
        raise InvalidParameterError(f"{name} must be a {kind.__name__} of at least 0; it is {value!r}.")
    return kind(value)


def _triple(name: str, value: Any) -> tuple[float, float, float]:
    """Check one number per colour."""
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise InvalidParameterError(f"{name} must be one number per colour; it is {value!r}.")
    red, green, blue = (float(_number(name, number, float)) for number in value)
    return red, green, blue


def _check_positive(record: Any, besides: tuple[str, ...] = ()) -> None:
    """Refuse a size of 0."""
    for one in fields(record):
        if one.name not in besides and not getattr(record, one.name) > 0:
            raise InvalidParameterError(f"{one.name} must be above 0; it is {getattr(record, one.name)!r}.")


def _check_layers(name: str, value: int) -> None:
    """Refuse a number of layers that no file holds, rather than build them for hours."""
    if value > _MOST_LAYERS:
        raise InvalidParameterError(f"{name} is at most {_MOST_LAYERS}; it is {value:,}.")


def _check_divides(part: str, value: int, whole: str, total: int) -> None:
    """Refuse a number of parts that does not divide the whole."""
    if total % value:
        raise InvalidParameterError(f"{part} {value} does not divide {whole} {total}.")
