import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workbench.errors import ClipDecodeError, SourceNotFoundError, UnsupportedMediaError
from workbench.media.images import image_size, jpeg_bytes, on_white, read_image, shrunk

RED, WHITE = (255, 0, 0), (255, 255, 255)


def picture(width: int = 60, height: int = 40) -> Image.Image:
    """A green picture with a red top left quarter."""
    image = Image.new("RGB", (width, height), (0, 128, 0))
    image.paste(RED, (0, 0, width // 2, height // 2))
    return image


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "bmp", "tiff"])
def test_read_image__formats(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    picture().save(path)
    pixels = read_image(path)
    assert pixels.shape == (40, 60, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels[10, 15].astype(int) - RED).max() < 12
    assert np.abs(pixels[30, 45].astype(int) - (0, 128, 0)).max() < 12
    assert image_size(path) == (60, 40)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "RGBA", "PA", "LAB"])
def test_read_image__colour_modes(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    grey = Image.new("L", (8, 8), 255)
    try:
        grey.convert("RGB").convert(mode).save(path)
    except (ValueError, OSError):
        pytest.skip(f"Pillow cannot write {mode} here")
    assert read_image(path).min() >= 250


def test_read_image__transparent_areas_on_white(tmp_path: Path) -> None:
    for name, mode in [("a.png", "RGBA"), ("b.webp", "RGBA"), ("c.png", "LA")]:
        image = Image.new(mode, (4, 4), (0,) * len(mode))
        image.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
        assert read_image(tmp_path / name).tolist() == [[[255] * 3] * 4] * 4


def test_read_image__transparent_palette_entry(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((3, 3), 1)
    for ending in ("png", "gif"):
        image.save(tmp_path / f"a.{ending}", transparency=0)
        pixels = read_image(tmp_path / f"a.{ending}")
        assert pixels[0, 0].tolist() == [255, 255, 255]
        assert pixels[3, 3].tolist() == [0, 0, 255]


def test_read_image__sixteen_bit_grey_is_scaled(tmp_path: Path) -> None:
    deep = np.array([[0, 257 * 100, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 100, 255]


def test_read_image__floats_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "f.tiff")
    with pytest.raises(UnsupportedMediaError, match="floating-point"):
        read_image(tmp_path / "f.tiff")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_image__upright(orientation: int, tmp_path: Path) -> None:
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = picture().transpose(turn[orientation]) if orientation in turn else picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    for ending in ("jpg", "png", "webp"):
        path = tmp_path / f"a.{ending}"
        stored.save(path, exif=exif)
        pixels = read_image(path)
        assert pixels.shape == (40, 60, 3)
        assert np.abs(pixels[10, 15].astype(int) - RED).max() < 12
        assert image_size(path) == (60, 40)


def test_read_image__first_picture_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, (0, 0, 255))]
    for ending in ("gif", "webp", "png"):
        path = tmp_path / f"a.{ending}"
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
        assert np.abs(read_image(path)[4, 4].astype(int) - RED).max() < 12


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_read_image__decompression_bomb(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (10_000, 30_000):
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        path = tmp_path / "bomb.png"
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(b""))
            + chunk(b"IEND", b"")
        )
        for read in (read_image, image_size):
            with pytest.raises(UnsupportedMediaError, match="pixels"):
                read(path)


def test_read_image__cut_short(tmp_path: Path) -> None:
    for ending in ("jpg", "png", "webp", "bmp", "tiff"):
        whole = tmp_path / f"whole.{ending}"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(whole)
        path = tmp_path / f"cut.{ending}"
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        with pytest.raises((ClipDecodeError, UnsupportedMediaError), match=r"cut\."):
            read_image(path)


def test_read_image__not_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("words")
    (tmp_path / "b.jpg").touch()
    (tmp_path / "c.jpg").mkdir()
    (tmp_path / "d.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name, reason in [
        ("a.jpg", "not an image"),
        ("b.jpg", "empty"),
        ("c.jpg", "folder"),
        ("d.eps", "not an"),
    ]:
        with pytest.raises(UnsupportedMediaError, match=reason):
            read_image(tmp_path / name)
    with pytest.raises(SourceNotFoundError):
        read_image(tmp_path / "gone.jpg")


def test_read_image__two_pictures_in_one_jpeg(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40))])
    assert np.abs(read_image(tmp_path / "a.jpg")[10, 15].astype(int) - RED).max() < 12


def test_on_white__half() -> None:
    assert on_white(np.array([[[0, 0, 0, 128]]], np.uint8)).tolist() == [[[127, 127, 127]]]


def test_shrunk__never_enlarges_and_never_vanishes() -> None:
    assert shrunk(np.zeros((10, 10, 3), np.uint8), 20).shape == (10, 10, 3)
    assert shrunk(np.zeros((1, 1000, 3), np.uint8), 10).shape == (1, 10, 3)


def test_jpeg_bytes__is_a_jpeg_of_that_size(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg_bytes(np.asarray(picture(300, 200)), max_side=90))
    assert image_size(tmp_path / "a.jpg") == (90, 60)
