from pathlib import Path

import numpy as np
import pytest
from make_data import ramp_numbers

from workbench.media.small_pictures import pictures_between, poster_at


def test_poster_at__large_file_gives_the_key_frame_before(ramp: Path, monkeypatch) -> None:
    monkeypatch.setattr("workbench.media.small_pictures._SMALL_FILE_BYTES", 10)
    picture = poster_at(ramp, 1.75, max_side=32)
    assert picture.shape == (24, 32, 3)
    assert ramp_numbers(picture[None]) == [10]


def test_pictures_between__starts_with_the_frame_on_screen(ramp: Path) -> None:
    got = list(pictures_between(ramp, 0.55, 1.0, max_side=32))
    assert ramp_numbers(np.stack([picture for _, picture in got])) == [5, 6, 7, 8, 9]
    assert [time for time, _ in got] == pytest.approx([0.55, 0.6, 0.7, 0.8, 0.9])


def test_pictures_between__at_most_so_many_a_second(ramp: Path) -> None:
    assert len(list(pictures_between(ramp, 0.0, 3.0, max_side=32, max_fps=5))) == 15


def test_pictures_between__far_into_a_film(ramp: Path, monkeypatch) -> None:
    monkeypatch.setattr("workbench.media.small_pictures._SEEK_FROM_S", 0.5)
    got = list(pictures_between(ramp, 2.55, 2.8, max_side=32))
    assert ramp_numbers(np.stack([picture for _, picture in got])) == [25, 26, 27]
