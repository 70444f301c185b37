import numpy as np
import pytest

from models.families.spriteclip.preprocessing import INPUT_SIZES, frame_choice, input_size, to_network_input


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 15, 100])
def test_frame_choice__covers_the_clip(count):
    chosen = frame_choice(count)
    assert len(chosen) == 8
    assert (np.diff(chosen) >= 0).all()
    assert chosen[0] <= count / 8
    assert chosen[-1] >= count - 1 - count / 8


def test_input_size__areas_are_equal():
    assert len({height * width for height, width in INPUT_SIZES}) == 1
    assert input_size(100, 100) == (96, 96)


def test_to_network_input__still_repeats_and_read_only_is_fine():
    frame = np.random.default_rng(0).integers(0, 256, (1, 50, 80, 3), np.uint8)
    frame.setflags(write=False)
    clip = to_network_input(frame)
    assert (clip == clip[:1]).all()


def test_to_network_input__keeps_colours():
    frames = np.full((20, 240, 320, 3), (200, 100, 50), np.uint8)
    assert (to_network_input(frames).reshape(-1, 3).numpy() == (200, 100, 50)).all()
