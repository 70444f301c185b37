"""Read the hub's ``preprocessor_config.json``: every spelling of it, and nothing half understood.

What a file leaves out, its image processor decides; so the processor's name matters. A file
of an unknown processor, or one that asks for something we cannot do exactly, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.errors import CorruptedModelPackageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PROCESSORS", "read_settings"]

_OPENAI = {
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
_HALF = {"image_mean": (0.5, 0.5, 0.5), "image_std": (0.5, 0.5, 0.5)}
_CROPPED = {"size": {"shortest_edge": 224}, "crop_size": 224, "do_center_crop": True}
_STRETCHED = {"size": {"height": 224, "width": 224}, "do_center_crop": False}

# Image processor -> what it does when the file does not say. "square": a bare number is both sides.
PROCESSORS: dict[str, dict[str, Any]] = {
    "CLIPImageProcessor": {**_OPENAI, **_CROPPED, "resample": 3, "square": False},
    "BitImageProcessor": {**_OPENAI, **_CROPPED, "resample": 3, "square": False},
    "SiglipImageProcessor": {**_HALF, **_STRETCHED, "resample": 3, "square": False},
    "VideoMAEImageProcessor": {**_HALF, **_CROPPED, "resample": 2, "square": False},
    "ViTImageProcessor": {**_HALF, **_STRETCHED, "resample": 2, "square": True},
}
_FILTERS = {2: "bilinear", 3: "bicubic", "bilinear": "bilinear", "bicubic": "bicubic"}
_OTHER_FILTERS = {0: "nearest", 1: "Lanczos", 4: "box", 5: "Hamming"}
# Switches of other processors that change pixels; as long as they are off they may stand there.
_REFUSED = (
    "do_pad",
    "do_thumbnail",
    "do_align_long_axis",
    "do_flip_channel_order",
    "do_reduce_labels",
    "use_square_size",
    "crop_pct",
    "size_divisor",
    "max_num_patches",
)


def read_settings(config: Any, default_type: str = "") -> dict[str, Any]:
    """Read a ``preprocessor_config.json`` as arguments of ``ImagePreprocessing``.

    Args:
        config: The JSON object.
        default_type: Image processor to assume when the file names none.

    Returns:
        size, crop, resample, mean, std and scale.

    Raises:
        CorruptedModelPackageError: If the processor is unknown, a field is malformed, or it
            asks for something that cannot be done exactly.

    Example:
        >>> read_settings({"image_processor_type": "SiglipImageProcessorFast"})["size"]
        (224, 224)
    """
    if not isinstance(config, dict):
        raise _refusal(f"it is a {type(config).__name__}, not a JSON object")
    given = {**_defaults(config, default_type), **{k: v for k, v in config.items() if v is not None}}
    for name in _REFUSED:
        if given.get(name):
            raise _refusal(f"{name} = {given[name]!r} is not supported")
    crop = _pair("crop_size", given["crop_size"]) if _switch(given, "do_center_crop") else None
    size = _size(given["size"], square=given["square"]) if _switch(given, "do_resize") else None
    if crop is None and not isinstance(size, tuple):
        raise _refusal("without a centre crop pictures of unequal sizes come out")
    normalise = _switch(given, "do_normalize")
    return {
        "size": size,
        "crop": crop,
        "resample": _resample(given["resample"]),
        "mean": _colours("image_mean", given["image_mean"]) if normalise else (0.0, 0.0, 0.0),
        "std": _colours("image_std", given["image_std"]) if normalise else (1.0, 1.0, 1.0),
        "scale": _number("rescale_factor", given["rescale_factor"]) if _switch(given, "do_rescale") else 1.0,
    }


def _defaults(config: Mapping[str, Any], default_type: str) -> dict[str, Any]:
    """What the named image processor does by itself."""
    named = config.get("image_processor_type") or config.get("feature_extractor_type") or default_type
    name = str(named).removesuffix("Fast").removesuffix("Pil").replace("FeatureExtractor", "ImageProcessor")
    if name not in PROCESSORS:
        known = ", ".join(PROCESSORS)
        raise _refusal(f"its image processor is {named or 'not named'!r}; supported are {known}")
    switches = dict.fromkeys(("do_resize", "do_rescale", "do_normalize"), True)
    return {**switches, "crop_size": 224, "rescale_factor": 1 / 255, **PROCESSORS[name]}


def _switch(given: Mapping[str, Any], name: str) -> bool:
    """Read a field that is true or false."""
    if not isinstance(given[name], bool):
        raise _refusal(f"{name} = {given[name]!r} is neither true nor false")
    return given[name]


def _size(value: Any, *, square: bool) -> int | tuple[int, int]:
    """Read ``size``: a number is the shorter side, or both for a few processors."""
    if isinstance(value, dict):
        value = {name: edge for name, edge in value.items() if edge is not None}
        if set(value) == {"shortest_edge"}:
            return _edge("size", value["shortest_edge"])
        return _pair("size", value)
    return _edge("size", value) if isinstance(value, int) and not square else _pair("size", value)


def _pair(name: str, value: Any) -> tuple[int, int]:
    """Read height and width: one number for both, a list of two, or an object."""
    if isinstance(value, dict) and set(value) == {"height", "width"}:
        value = [value["height"], value["width"]]
    elif isinstance(value, int):
        value = [value, value]
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _refusal(f"{name} = {value!r} is neither a number nor height and width")
    return _edge(name, value[0]), _edge(name, value[1])


def _edge(name: str, value: Any) -> int:
    """Read a length in pixels."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 16384:
        raise _refusal(f"{name} has a length of {value!r}; a whole number of pixels is expected")
    return value


def _resample(value: Any) -> str:
    """Read the filter: PIL's number or its name."""
    name = _FILTERS.get(value.lower() if isinstance(value, str) else value) if _is_scalar(value) else None
    if name is None:
        asked = _OTHER_FILTERS.get(value, "unknown") if _is_scalar(value) else "unknown"
        raise _refusal(f"resample = {value!r} ({asked}) is not supported; 2 (bilinear) and 3 (bicubic) are")
    return name


def _is_scalar(value: Any) -> bool:
    """Tell a number or text from a container."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def _colours(name: str, value: Any) -> tuple[float, float, float]:
    """Read one number per colour; a bare number counts for all three."""
    values = [value] * 3 if not isinstance(value, list | tuple) else value
    if len(values) != 3:
        raise _refusal(f"{name} = {value!r} is not one number per colour")
    red, green, blue = (_number(name, number) for number in values)
    if name == "image_std" and min(red, green, blue) <= 0:
        raise _refusal(f"image_std = {value!r} must be above 0")
    return red, green, blue


def _number(name: str, value: Any) -> float:
    """Read a finite number."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) < float("inf"):
        raise _refusal(f"{name} holds {value!r}, which is no number")
    return float(value)


def _refusal(what: str) -> CorruptedModelPackageError:
    """Build the error for a file that is not understood in full."""
    return CorruptedModelPackageError(
        f"The image preprocessing (preprocessor_config.json) cannot be done exactly: {what}.",
        next_step="Put a fresh copy of the package there, or register a class with its own preprocessing.",
    )
