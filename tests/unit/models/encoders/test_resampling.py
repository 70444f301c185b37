"""Resizing against PIL itself, whole and in part."""

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from models.encoders.resampling import (
    centre_window,
    resize_uint8,
    resize_window,
    shared_tensor,
    shortest_edge_size,
)

# Tall pictures: Pillow 13 begins with the vertical pass, older ones do not.
NEWER_PILLOW = pytest.mark.skipif(int(PIL.__version__.split(".")[0]) < 13, reason="an older Pillow")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def picture(height, width):
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pil(image, size, resample):
    return np.asarray(Image.fromarray(image).resize(size[::-1], FILTERS[resample])).astype(int)


@pytest.mark.parametrize("resample", FILTERS)
@pytest.mark.parametrize(
    ("have", "want"),
    [
        ((90, 120), (32, 43)),
        ((20, 31), (64, 50)),
        ((9, 200), (30, 30)),
        ((33, 33), (33, 33)),
        pytest.param((300, 7), (214, 5), marks=NEWER_PILLOW),
        pytest.param((184, 39), (173, 88), marks=NEWER_PILLOW),
        ((167, 106), (4, 21)),
        ((64, 40), (50, 40)),
        ((64, 40), (64, 31)),
    ],
)
def test_resize_uint8__is_pil_within_one_grey_level(resample, have, want):
    image = picture(*have)
    got = resize_uint8(torch.from_numpy(image)[None], want, resample)[0].permute(1, 2, 0).numpy()
    assert np.abs(got.astype(int) - pil(image, want, resample)).max() <= 1


@pytest.mark.parametrize("resample", FILTERS)
@NEWER_PILLOW
@pytest.mark.parametrize("have", [(7, 300), (300, 7), (1, 40), (40, 1), (64, 48), (58, 16)])
@pytest.mark.parametrize("edge", [5, 16, 31])
def test_resize_window__is_a_part_of_the_whole_to_the_bit(resample, have, edge):
    image = picture(*have)
    size = shortest_edge_size(*have, edge)
    window = tuple(centre_window(length, edge)[0] for length in size)
    got = resize_window(torch.from_numpy(image)[None], size, window, resample)[0].permute(1, 2, 0).numpy()
    assert np.array_equal(got, pil(image, size, resample)[window])


@pytest.mark.parametrize(
    ("height", "width", "edge", "size"),
    [
        (480, 640, 224, (224, 298)),
        (640, 480, 224, (298, 224)),
        (720, 1280, 224, (224, 398)),
        (224, 224, 224, (224, 224)),
        (1, 1, 224, (224, 224)),
        (3, 2, 256, (384, 256)),
        (1000, 999, 224, (224, 224)),
    ],
)
def test_shortest_edge_size__cuts_the_longer_side(height, width, edge, size):
    assert shortest_edge_size(height, width, edge) == size


@pytest.mark.parametrize(
    ("have", "want", "pixels", "before"),
    [(10, 4, (3, 7), 0), (11, 4, (3, 7), 0), (4, 4, (0, 4), 0), (5, 8, (0, 5), 2), (4, 8, (0, 4), 2)],
)
def test_centre_window__is_that_of_the_processors(have, want, pixels, before):
    window, black = centre_window(have, want)
    assert (window.start, window.stop, black) == (*pixels, before)


def test_shared_tensor__is_the_same_memory():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    tensor = shared_tensor(array)
    array[0, 0] = 99
    assert tensor[0, 0] == 99


def test_shared_tensor__keeps_a_read_only_array_alive():
    tensor = shared_tensor(np.frombuffer(bytes(range(256)) * 4096, np.uint8))
    _ = [bytes(2**20) for _ in range(3)]  # would reuse memory that was let go
    assert torch.equal(tensor[:256], torch.arange(256, dtype=torch.uint8))


@NEWER_PILLOW
@pytest.mark.parametrize("resample", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(96, 96), (33, 45), (32, 32), (5, 90)])
@pytest.mark.parametrize("shape", [(240, 320), (481, 77), (20, 700), (64, 64)])
def test_resize__a_small_result_is_pil_s_to_the_last_bit(shape, size, resample):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    ramp = columns * 255 // shape[1]
    hard = (columns // 9 + rows // 7) % 2 * 255
    noise = np.random.default_rng(0).integers(0, 256, shape)
    picture = np.stack([ramp, hard, noise], axis=-1).astype(np.uint8)
    ours = resize_uint8(torch.from_numpy(picture[None]), size, resample)[0].permute(1, 2, 0).numpy()
    filter_ = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}[resample]
    assert np.array_equal(ours, np.asarray(Image.fromarray(picture).resize(size[::-1], filter_)))
