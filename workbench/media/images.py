"""Pictures from image files: JPEG, PNG, WebP, GIF, BMP and TIFF, upright, as RGB."""

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from workbench.errors import ClipDecodeError, MediaError, UnsupportedMediaError
from workbench.media.files import MAX_PIXELS, media_file
from workbench.media.names import display_name

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_ORIENTATION_TAG = 0x0112
_QUARTER_TURNS = {5, 6, 7, 8}


def read_image(path: Path | str) -> np.ndarray:
    """Read an image file as people see it.

    Turned upright by its EXIF orientation; transparent areas on white; palettes, grey and CMYK
    converted to RGB (colour profiles are not applied); 16-bit grey scaled to 8 bits; of an
    animation the first picture.

    Args:
        path: A JPEG, PNG, WebP, GIF, BMP or TIFF file; the content counts, not the name.

    Returns:
        RGB pixels, uint8 (H, W, 3).

    Raises:
        SourceNotFoundError: If there is no such file.
        UnsupportedMediaError: If it is not an image, or larger than the limit on pixels.
        ClipDecodeError: If it is damaged, or may not be read.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> read_image(sample_clips(include_images=True)[-1].path).shape[-1]
        3
    """
    path = Path(path)
    with media_file(path).open() as file:
        return _read(file, display_name(path))


def decode_image(content: bytes, name: str = "the image") -> np.ndarray:
    """Read an image that is in memory, as `read_image` does.

    Args:
        content: The bytes of a JPEG, PNG, WebP, GIF, BMP or TIFF file.
        name: What to call it in messages.

    Returns:
        RGB pixels, uint8 (H, W, 3).

    Raises:
        UnsupportedMediaError: If it is not an image, or larger than the limit on pixels.
        ClipDecodeError: If it is damaged.

    Example:
        >>> decode_image(jpeg_bytes(np.zeros((40, 60, 3), np.uint8), max_side=60)).shape
        (40, 60, 3)
    """
    if not content:
        raise UnsupportedMediaError(f"{name} is empty (0 bytes).")
    return _read(io.BytesIO(content), name)


def image_size(path: Path | str) -> tuple[int, int]:
    """Read the upright width and height of an image from its headers.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: As `read_image`.

    Example:
        >>> from workbench.media.samples import sample_clips
        >>> all(side > 0 for side in image_size(sample_clips(include_images=True)[-1].path))
        True
    """
    path = Path(path)
    with media_file(path).open() as file, _opened(file, display_name(path)) as image:
        width, height = image.size
        turned = image.getexif().get(_ORIENTATION_TAG) in _QUARTER_TURNS
    return (height, width) if turned else (width, height)


def jpeg_bytes(picture: np.ndarray, max_side: int, quality: int = 82) -> bytes:
    r"""Write an RGB picture as a JPEG whose longer side has at most `max_side` pixels.

    Example:
        >>> jpeg_bytes(np.zeros((40, 60, 3), np.uint8), max_side=30)[:2]
        b'\xff\xd8'
    """
    buffer = io.BytesIO()
    Image.fromarray(shrunk(picture, max_side)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def shrunk(picture: np.ndarray, max_side: int) -> np.ndarray:
    """Shrink a picture so that its longer side has at most `max_side` pixels; never enlarge.

    Example:
        >>> shrunk(np.zeros((40, 60, 3), np.uint8), max_side=30).shape
        (20, 30, 3)
    """
    height, width = picture.shape[:2]
    scale = max_side / max(width, height)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX, reducing_gap=2.0))


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Lay a picture with transparency on white.

    Args:
        rgba: uint8 (H, W, 4).

    Returns:
        RGB uint8 (H, W, 3).

    Example:
        >>> on_white(np.array([[[255, 0, 0, 255], [255, 0, 0, 0]]], np.uint8)).tolist()
        [[[255, 0, 0], [255, 255, 255]]]
    """
    alpha = rgba[..., 3:].astype(np.uint16)
    mixed = rgba[..., :3] * alpha + 255 * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _read(source: BinaryIO, name: str) -> np.ndarray:
    """Read a picture upright, as RGB."""
    with _opened(source, name) as image:
        try:
            turned = ImageOps.exif_transpose(image)
            return np.ascontiguousarray(_as_rgb(turned, name))
        except MediaError:
            raise
        except Exception as error:  # Pillow's plugins raise whatever their parsers meet
            raise ClipDecodeError(f"{name} is damaged: {error}.") from error


def _opened(source: BinaryIO, name: str) -> Image.Image:
    """Open an image's headers and refuse what is no image, or too large."""
    try:
        image = Image.open(source, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise UnsupportedMediaError(f"{name} is too large to read: {error}") from error
    except UnidentifiedImageError as error:
        raise UnsupportedMediaError(f"{name} is not an image that can be read here.") from error
    except Exception as error:  # Pillow's plugins raise whatever their parsers meet
        raise ClipDecodeError(f"{name} is damaged: {error}.") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise UnsupportedMediaError(
            f"{name} has {width}x{height} pixels; at most {MAX_PIXELS} are read.",
            next_step="Make it smaller first.",
        )
    return image


def _as_rgb(image: Image.Image, name: str) -> np.ndarray:
    """Convert any mode to RGB."""
    if image.mode.startswith("I;16") or image.mode == "I":
        return _from_deep_grey(np.asarray(image), name)
    if image.mode == "F":
        raise UnsupportedMediaError(
            f"{name} holds floating-point values, which have no agreed range.",
            next_step="Save it with 8 or 16 bits.",
        )
    if image.has_transparency_data:
        return on_white(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _from_deep_grey(grey: np.ndarray, name: str) -> np.ndarray:
    """Scale 16-bit grey to 8 bits; plain conversion would cut it off at 255."""
    if grey.min() < 0 or grey.max() > 65535:
        raise UnsupportedMediaError(f"{name} holds 32-bit values; at most 16 bits are read.")
    eight = ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(eight[..., None], 3, axis=-1)
