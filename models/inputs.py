"""What a model may be given, turned into one convention: RGB, uint8, channels last.

Every family reads its inputs through these functions, so all models accept the same forms
and refuse the same mistakes with the same words. Nothing is guessed: grey, RGBA, floats
outside 0..1 and NaN are refused rather than repaired.
"""

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from models.errors import ModelInputError

ALLOWED_IMAGES = (
    "Allowed are RGB images: uint8 arrays (H, W, 3), a stack (N, H, W, 3) or a list of them, PIL images "
    "of mode 'RGB', and tensors (3, H, W) or (N, 3, H, W); floats only in 0..1."
)
ALLOWED_FRAMES = (
    "Allowed are the RGB frames of one clip: a uint8 array (T, H, W, 3), a list of (H, W, 3) arrays, PIL "
    "images of mode 'RGB' or (3, H, W) tensors of one size, or a tensor (T, 3, H, W); floats only in 0..1."
)
ALLOWED_CLIPS = (
    "Allowed is a list of clips, each a uint8 RGB array (T, H, W, 3) or a list of its frames; "
    "for a single clip pass [frames]."
)
ALLOWED_TEXTS = "Allowed is one text or a list of texts, each with at least one visible character."


def as_rgb_images(images: Any) -> list[np.ndarray]:
    """Read one image or many in any accepted form.

    Args:
        images: A uint8 array (H, W, 3) or (N, H, W, 3), a PIL image of mode RGB, a tensor
            (3, H, W) or (N, 3, H, W), or a list that may mix single images of these forms.
            Floats in 0..1 are scaled to 0..255.

    Returns:
        One contiguous uint8 array (H, W, 3) per image, in order; sizes may differ.

    Raises:
        ModelInputError: If anything else came; the message names it and its place in the list.

    Example:
        >>> [image.shape for image in as_rgb_images(np.zeros((2, 4, 6, 3), np.uint8))]
        [(4, 6, 3), (4, 6, 3)]
    """
    if not _is_sequence(images):
        return list(_stack(images, "the image", ALLOWED_IMAGES))
    if not images:
        raise _refusal("An empty list has no image to embed.", ALLOWED_IMAGES)
    return [_single(item, f"image {i}", ALLOWED_IMAGES) for i, item in enumerate(images)]


def as_rgb_frames(frames: Any) -> np.ndarray:
    """Read the frames of one clip in any accepted form; a single image is a clip of one frame.

    Args:
        frames: A uint8 array (T, H, W, 3) or (H, W, 3), a tensor (T, 3, H, W) or (3, H, W), a
            PIL image of mode RGB, or a list of single images of one size.

    Returns:
        Contiguous uint8 RGB of shape (T, H, W, 3). An array that is so already is not copied.

    Raises:
        ModelInputError: If anything else came, or the frames differ in size.

    Example:
        >>> as_rgb_frames([np.zeros((4, 6, 3), np.uint8)] * 5).shape
        (5, 4, 6, 3)
    """
    if not _is_sequence(frames):
        return _stack(frames, "the clip", ALLOWED_FRAMES)
    if not frames:
        raise _refusal("An empty list is a clip without frames.", ALLOWED_FRAMES)
    images = [_single(item, f"frame {i}", ALLOWED_FRAMES) for i, item in enumerate(frames)]
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        first = next(i for i, image in enumerate(images) if image.shape != images[0].shape)
        raise _refusal(
            f"The frames of one clip differ in size: frame 0 is {images[0].shape}, "
            f"frame {first} is {images[first].shape}.",
            ALLOWED_FRAMES,
        )
    return np.stack(images)


def as_rgb_clips(videos: Any) -> list[np.ndarray]:
    """Read a list of clips, the argument of ``embed_videos``.

    A bare clip, or a list of single images, is refused: whether it means one clip or many
    would be a guess.

    Args:
        videos: A list of clips, each as in ``as_rgb_frames``, or an array (N, T, H, W, 3).

    Returns:
        One contiguous uint8 array (T, H, W, 3) per clip, in order; T and sizes may differ.

    Raises:
        ModelInputError: If anything else came; the message names the clip.

    Example:
        >>> [clip.shape for clip in as_rgb_clips([np.zeros((8, 4, 6, 3), np.uint8)])]
        [(8, 4, 6, 3)]
    """
    if not _is_sequence(videos) and getattr(videos, "ndim", 0) != 5:
        raise _refusal(f"A list of clips was expected, {_what(videos)} came.", ALLOWED_CLIPS)
    if len(videos) == 0:
        raise _refusal("An empty list has no clip to embed.", ALLOWED_CLIPS)
    clips = []
    for i, video in enumerate(videos):
        if _looks_like_one_image(video):
            raise _refusal(f"Clip {i} is a single image ({_what(video)}).", ALLOWED_CLIPS)
        try:
            clips.append(as_rgb_frames(video))
        except ModelInputError as error:
            raise ModelInputError(f"Clip {i}: {error.message}", next_step=error.next_step) from None
    return clips


def as_texts(texts: Any) -> list[str]:
    """Read one text or a list of texts, the argument of ``embed_text``.

    Args:
        texts: A string, or a list or tuple of strings.

    Returns:
        The texts as a list, in order, unchanged.

    Raises:
        ModelInputError: If the list is empty, or an item is blank or no string.

    Example:
        >>> as_texts("a red ball")
        ['a red ball']
    """
    if isinstance(texts, str):
        texts = [texts]
    if not _is_sequence(texts):
        raise _refusal(f"A text was expected, {_what(texts)} came.", ALLOWED_TEXTS)
    if len(texts) == 0:
        raise _refusal("An empty list has no text to embed.", ALLOWED_TEXTS)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise _refusal(f"Text {i} is {_what(text)}.", ALLOWED_TEXTS)
        if not text.strip():
            raise _refusal(f"Text {i} is blank: {text!r}.", ALLOWED_TEXTS)
    return [str(text) for text in texts]


def _stack(value: Any, name: str, allowed: str) -> np.ndarray:
    """Read a single image or a stack of them as (N, H, W, 3)."""
    pixels = _pixels(value, name, allowed)
    if pixels.ndim not in (3, 4):
        raise _refusal(f"{name.capitalize()} has {pixels.ndim} axes: {_what(value)}.", allowed)
    return _checked(pixels if pixels.ndim == 4 else pixels[None], value, name, allowed)


def _single(value: Any, name: str, allowed: str) -> np.ndarray:
    """Read exactly one image as (H, W, 3)."""
    pixels = _pixels(value, name, allowed)
    if pixels.ndim != 3:
        raise _refusal(f"{name.capitalize()} of the list is no single image: {_what(value)}.", allowed)
    return _checked(pixels[None], value, name, allowed)[0]


def _pixels(value: Any, name: str, allowed: str) -> np.ndarray:
    """Turn a tensor, a PIL image or an array into an array with channels last."""
    if _is_instance_of("torch", "Tensor", value):
        tensor = value.detach().cpu()
        if tensor.is_floating_point():
            tensor = tensor.float()
        return _channels_last(tensor.numpy(), value, name, allowed)
    if _is_instance_of("PIL.Image", "Image", value):
        if value.mode != "RGB":
            raise _refusal(
                f"{name.capitalize()} is a PIL image of mode {value.mode!r}; .convert('RGB') makes it RGB.",
                allowed,
            )
        return np.asarray(value)
    if isinstance(value, str | bytes) or not hasattr(value, "__array__"):
        raise _refusal(f"{name.capitalize()} is {_what(value)}, not pixels.", allowed)
    return np.asarray(value)


def _channels_last(pixels: np.ndarray, value: Any, name: str, allowed: str) -> np.ndarray:
    """Move the colour axis of a CHW or NCHW tensor to the end."""
    if pixels.ndim not in (3, 4):
        raise _refusal(f"{name.capitalize()} has {pixels.ndim} axes: {_what(value)}.", allowed)
    if pixels.shape[-3] != 3:
        hint = " Tensors have their channels first: .permute them." if pixels.shape[-1] == 3 else ""
        raise _refusal(f"{name.capitalize()} does not have 3 channels: {_what(value)}.{hint}", allowed)
    return np.moveaxis(pixels, -3, -1)


def _checked(pixels: np.ndarray, value: Any, name: str, allowed: str) -> np.ndarray:
    """Check colours, emptiness and values of (N, H, W, 3) pixels; return contiguous uint8."""
    if pixels.shape[-1] != 3:
        hint = " Arrays have their channels last." if 3 in pixels.shape[1:2] else ""
        raise _refusal(f"{name.capitalize()} does not have 3 channels: {_what(value)}.{hint}", allowed)
    if pixels.size == 0:
        raise _refusal(f"{name.capitalize()} is empty: {_what(value)}.", allowed)
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if pixels.dtype.kind != "f":
        raise _refusal(
            f"{name.capitalize()} has dtype {pixels.dtype}; .astype('uint8') if its values are 0..255.",
            allowed,
        )
    low, high = float(pixels.min()), float(pixels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise _refusal(f"{name.capitalize()} holds NaN or infinite values: {_what(value)}.", allowed)
    if low < 0.0 or high > 1.0:
        raise _refusal(f"{name.capitalize()} holds floats from {low:g} to {high:g}.", allowed)
    return np.ascontiguousarray(np.rint(pixels * 255.0).astype(np.uint8))


def _looks_like_one_image(value: Any) -> bool:
    """Tell whether a value is one picture rather than the frames of a clip."""
    return _is_instance_of("PIL.Image", "Image", value) or getattr(value, "ndim", 0) == 3


def _is_sequence(value: Any) -> bool:
    """Tell a list or tuple from everything that only resembles one."""
    return isinstance(value, list | tuple)


def _is_instance_of(module_name: str, class_name: str, value: Any) -> bool:
    """Test for a class of a library that need not be installed, without importing it."""
    module = sys.modules.get(module_name)
    # Another thread may be in the middle of importing it: then the class is not there, nor any value of it.
    return isinstance(value, getattr(module, class_name, ()))


def _what(value: Any) -> str:
    """Name what came, shortly: type, shape and dtype, or the value of a small thing."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}, {value.dtype}"
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return f"a {type(value).__name__}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _refusal(message: str, allowed: str) -> ModelInputError:
    """Build the one error of this module: what came, then what is allowed."""
    return ModelInputError(message, next_step=allowed)
