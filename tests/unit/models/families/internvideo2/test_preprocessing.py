"""Which frames, which pixels: against a resize written as a loop over pixels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelInputError
from models.families.internvideo2.preprocessing import (
    covering_frames,
    normalize,
    resize_bilinear,
    squash,
    strided_frames,
)

sizes = st.integers(1, 40)


def axis(available, wanted, d):
    place = np.float32((d + 0.5) * (available / wanted) - 0.5)
    return math.floor(place), place - np.float32(math.floor(place))


def fixed(share):
    return int(np.rint((1 - share) * np.float32(2048))), int(np.rint(share * np.float32(2048)))


def one_pixel(image, height, width, y, x):
    """The recipe for one value, word for word."""
    i, share = axis(image.shape[1], width, x)
    if i < 0:
        i, share = 0, np.float32(0)
    if i >= image.shape[1] - 1:
        i, share = image.shape[1] - 1, np.float32(0)
    w0, w1 = fixed(share)
    k, upright = axis(image.shape[0], height, y)
    v0, v1 = fixed(upright)
    sums = []
    for row in (k, k + 1):
        line = image[min(max(row, 0), image.shape[0] - 1)].astype(int)
        sums.append(w0 * line[i] + w1 * line[min(i + 1, image.shape[1] - 1)])
    return (((v0 * (sums[0] >> 4)) >> 16) + ((v1 * (sums[1] >> 4)) >> 16) + 2) >> 2


@given(sizes, sizes, sizes, sizes, st.integers(0, 2**32 - 1))
def test_resize__same_as_the_recipe_pixel_by_pixel(h, w, height, width, seed):
    image = np.random.default_rng(seed).integers(0, 256, (1, h, w, 3), np.uint8)
    found = resize_bilinear(image, height, width)
    assert found.dtype == np.uint8
    for y, x in {(0, 0), (height - 1, width - 1), (height // 2, width // 3), (height // 3, width - 1)}:
        assert found[0, y, x].tolist() == one_pixel(image[0], height, width, y, x).tolist()


def test_resize__is_not_antialiased():
    stripes = np.zeros((1, 8, 8, 3), np.uint8)
    stripes[:, :, ::4] = 255
    assert set(np.unique(resize_bilinear(stripes, 2, 2))) == {0}


def test_resize__same_size_is_the_same():
    image = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    assert np.array_equal(resize_bilinear(image, 5, 7), image)


def test_resize__frames_do_not_touch_each_other():
    frames = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), np.uint8)
    together = resize_bilinear(frames, 9, 9)
    for i in range(3):
        assert np.array_equal(resize_bilinear(frames[i : i + 1], 9, 9)[0], together[i])


def test_squash__frames_of_several_sizes():
    frames = [np.full((size, 2 * size, 3), size, np.uint8) for size in (3, 8, 20)]
    found = squash(frames, 4, 4)
    assert found.shape == (3, 4, 4, 3)
    assert [int(frame.max()) for frame in found] == [3, 8, 20]


@pytest.mark.parametrize("channels", [1, 4])
def test_squash__refuses_what_is_not_rgb(channels):
    with pytest.raises(ModelInputError, match="3 channels"):
        squash([np.zeros((4, 4, channels), np.uint8)], 2, 2)


def test_normalize__every_level():
    levels = np.arange(256, dtype=np.uint8)[:, None].repeat(3, 1)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    found = normalize(levels, mean, std)
    assert found.dtype == np.float32
    exact = (levels / 255 - np.array(mean)) / np.array(std)
    assert np.array_equal(found, exact.astype(np.float32))


@given(st.integers(1, 200), st.integers(1, 16))
def test_covering_frames__middles_of_equal_parts(available, wanted):
    found = covering_frames(available, wanted)
    assert len(found) == wanted
    assert found.tolist() == [math.floor((i + 0.5) * available / wanted) for i in range(wanted)]
    assert available < wanted or found[-1] >= available - 1 - available / wanted


@given(st.integers(4, 200))
def test_strided_frames__from_the_first_on_in_whole_steps(available):
    assert strided_frames(available, 4).tolist() == [i * (available // 4) for i in range(4)]
