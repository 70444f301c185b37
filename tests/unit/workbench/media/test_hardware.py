"""Decoding on an accelerator: the same pixels, and plainly without where there is none."""

import av
import numpy as np
import pytest
from make_data import write_ramp

from workbench.media import container
from workbench.media.decode import frames_at
from workbench.media.pixels import PictureMaker


@pytest.fixture
def film(tmp_path):
    return write_ramp(tmp_path / "film.mp4", textured=True, num_frames=12)


@pytest.mark.parametrize("full_range", [False, True])
def test_picture_maker__frames_as_an_accelerator_gives_them_have_the_same_pixels(film, full_range):
    with av.open(str(film)) as opened:
        frame = next(opened.decode(video=0))
    if full_range:
        frame.color_range = 2
    interleaved = av.VideoFrame(frame.width, frame.height, "nv12")
    luma, blue, red = (np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size) for plane in frame.planes)
    interleaved.planes[0].update(_laid_out(luma[:, : frame.width], interleaved.planes[0]))
    both = np.stack([part[:, : frame.width // 2] for part in (blue, red)], axis=2)
    interleaved.planes[1].update(_laid_out(both.reshape(len(blue), -1), interleaved.planes[1]))
    interleaved.color_range = frame.color_range
    interleaved.colorspace = frame.colorspace
    assert np.array_equal(PictureMaker()(interleaved), PictureMaker()(frame))


@pytest.mark.parametrize("error", [PermissionError, NotImplementedError, av.error.ExternalError])
def test_open_video__without_the_accelerator_decodes_plainly(film, monkeypatch, error):
    plain = frames_at(film, [0.1, 0.5])
    asked = []

    def refuses(*_, **__):
        asked.append(error)
        raise error(1, "no such device")

    monkeypatch.setenv(container.HARDWARE_DECODING, "1")
    monkeypatch.setattr(container, "HWAccel", refuses)
    assert np.array_equal(frames_at(film, [0.1, 0.5]).data, plain.data)
    assert asked


def test_open_video__asked_for_an_accelerator_gives_the_same_frames_with_and_without_one(film, monkeypatch):
    plain = frames_at(film, [0.1, 0.5, 0.9])
    monkeypatch.setenv(container.HARDWARE_DECODING, "1")
    assert np.array_equal(frames_at(film, [0.1, 0.5, 0.9]).data, plain.data)


def _laid_out(rows, plane):
    """Rows with the padding of a plane."""
    out = np.zeros((len(rows), plane.line_size), np.uint8)
    out[:, : rows.shape[1]] = rows
    return out.tobytes()
