"""Decoding on a card: the same pixels, decoders that are kept, and plainly without where it does not work.

There is no card here: decoders of the processor stand in for those of one, so that lending and feeding are
tested. `python -m benchmarks.gpu` compares the pixels of a real one.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from make_data import write_ramp

from workbench.media import hardware
from workbench.media.container import open_video
from workbench.media.decode import frames_at
from workbench.media.hardware import CardDecoders, card_decoder, decoding_on, takes_part
from workbench.media.pixels import PictureMaker

TIMES = [0.1, 0.5, 0.9]


@pytest.fixture
def film(tmp_path):
    return write_ramp(tmp_path / "film.mp4", textured=True, num_frames=12)


@pytest.fixture
def card(monkeypatch):
    """A card whose decoders are the processor's; lists those that were opened."""
    opened = []

    def accelerator():
        opened.append(1)

    monkeypatch.setenv(hardware.HARDWARE_DECODING, "1")
    monkeypatch.setattr(hardware, "cuda_in_use", lambda device: device.startswith("cuda") or None)
    monkeypatch.setattr(hardware, "joined_context", lambda device: contextlib.nullcontext())
    monkeypatch.setattr("workbench.media.container.is_on_card", lambda frame: bool(hardware._cards))
    monkeypatch.setattr(hardware, "decodes_on_card", lambda decoder: True)
    monkeypatch.setattr(hardware, "_accelerator", accelerator)
    monkeypatch.setattr(hardware, "_FEWEST_PIXELS", 1)
    return opened


def test_decoding_on__a_processor_changes_nothing(film):
    with decoding_on("cpu") as card, open_video(film) as video, card_decoder(video) as decoder:
        assert card is None
        assert decoder is None


def test_decoding_on__can_be_switched_off(card, monkeypatch):
    assert takes_part("cuda:0")
    assert not takes_part("cpu")
    monkeypatch.setenv(hardware.HARDWARE_DECODING, "0")
    assert not takes_part("cuda:0")
    with decoding_on("cuda:0") as decoders:
        assert decoders is None


def test_decoding_on__gives_the_same_frames_from_decoders_that_are_kept(film, card):
    plain = frames_at(film, TIMES)
    with decoding_on("cuda") as decoders:
        for _ in range(3):
            np.testing.assert_array_equal(frames_at(film, TIMES).data, plain.data)
    assert len(card) == 1
    assert decoders.films == 3
    frames_at(film, TIMES)
    assert decoders.films == 3


def test_decoding_on__films_beyond_its_decoders_are_the_processor_s(film, card, monkeypatch):
    monkeypatch.setattr(hardware, "DECODERS", 2)
    with decoding_on("cuda"), open_video(film) as video:
        with card_decoder(video) as one, card_decoder(video) as two, card_decoder(video) as three:
            assert one is not None
            assert two is not None
            assert three is None
        with card_decoder(video) as again:
            assert again in (one, two)


def test_decoding_on__many_threads_share_few_decoders(film, card, monkeypatch):
    monkeypatch.setattr(hardware, "DECODERS", 2)
    plain = frames_at(film, TIMES)
    with decoding_on("cuda") as decoders, ThreadPoolExecutor(6) as pool:
        for frames in pool.map(lambda _: frames_at(film, TIMES), range(40)):
            np.testing.assert_array_equal(frames.data, plain.data)
    assert len(card) <= 2
    assert decoders.films > 0


def test_lend__decoders_of_other_settings_make_room(film, tmp_path, card, monkeypatch):
    monkeypatch.setattr(hardware, "DECODERS", 1)
    other = write_ramp(tmp_path / "other.mp4", width=128, height=96, num_frames=12)
    with decoding_on("cuda"):
        for path in (film, other, film, film):
            frames_at(path, TIMES)
    assert len(card) == 3


def test_lend__a_decoder_that_was_left_half_way_is_not_used_again(film, card):
    decoders = CardDecoders("cuda")
    with open_video(film) as video:
        with pytest.raises(ValueError, match="half-way"), decoders.lend(video):
            raise ValueError("half-way")
        with decoders.lend(video) as decoder:
            assert decoder is not None
    assert len(card) == 2
    assert decoders.films == 1


def test_lend__what_the_card_decodes_by_the_processor_is_not_brought_to_it_again(film, card, monkeypatch):
    monkeypatch.setattr(hardware, "decodes_on_card", lambda decoder: decoder.pix_fmt == "cuda")
    plain = frames_at(film, TIMES)
    with decoding_on("cuda") as decoders:
        for _ in range(3):
            np.testing.assert_array_equal(frames_at(film, TIMES).data, plain.data)
    assert len(card) == 1
    assert decoders.films == 0


@pytest.mark.parametrize(
    "options", [{"codec": "mpeg4"}, {"pixel_format": "yuv444p"}], ids=["codec", "format"]
)
def test_lend__films_that_the_card_would_show_otherwise_are_left_out(tmp_path, card, options):
    path = write_ramp(tmp_path / "film.mp4", num_frames=12, **options)
    with open_video(path) as video, CardDecoders("cuda").lend(video) as decoder:
        assert decoder is None


@pytest.mark.parametrize("turn", [{"rotation": 90}, {"rotation": 180}, {"hflip": True, "rotation": 0}])
def test_decoding_on__pictures_are_upright(tmp_path, card, turn):
    path = write_ramp(tmp_path / "film.mp4", num_frames=12, **turn)
    plain = frames_at(path, TIMES)
    with decoding_on("cuda") as decoders:
        np.testing.assert_array_equal(frames_at(path, TIMES).data, plain.data)
    assert decoders.films == 1


def test_lend__small_pictures_are_left_out(film, card, monkeypatch):
    monkeypatch.undo()
    with open_video(film) as video, CardDecoders("cuda").lend(video) as decoder:
        assert decoder is None


@pytest.mark.parametrize(
    "error", [PermissionError, NotImplementedError, av.error.ExternalError, RuntimeError]
)
def test_decoding_on__a_card_that_does_not_work_is_asked_once(film, card, monkeypatch, error):
    plain = frames_at(film, TIMES)
    asked = []

    def refuses():
        asked.append(error)
        raise error(1, "no such device")

    monkeypatch.setattr(hardware, "_accelerator", refuses)
    with decoding_on("cuda"):
        for _ in range(2):
            np.testing.assert_array_equal(frames_at(film, TIMES).data, plain.data)
    assert len(asked) == 1


def test_decoding_on__ffmpeg_without_cuda_decodes_plainly(film, card, monkeypatch):
    monkeypatch.setattr(hardware, "_accelerator", _REAL_ACCELERATOR)
    monkeypatch.setattr("av.codec.hwaccel.hwdevices_available", lambda: ["vaapi"])
    plain = frames_at(film, TIMES)
    with decoding_on("cuda"):
        np.testing.assert_array_equal(frames_at(film, TIMES).data, plain.data)


def test_decoding_on__frames_that_show_more_than_they_should_are_decoded_anew(film, card, monkeypatch):
    plain = frames_at(film, TIMES)
    create = av.CodecContext.create
    other = write_ramp(film.with_name("other.mp4"), width=128, height=96, num_frames=12)
    with av.open(str(other)) as opened:
        extradata = bytes(opened.streams.video[0].codec_context.extradata)
        packets = [packet for packet in opened.demux(video=0) if packet.size]

    class Wider:
        """Decodes other, larger pictures than it is fed."""

        pix_fmt, reorder_depth = "cuda", 0

        def __init__(self):
            self._decoder = create("h264", "r")
            self._decoder.extradata = extradata
            self._packets = list(packets)

        def decode(self, packet):
            return self._decoder.decode(self._packets.pop(0) if packet else None)

        def flush_buffers(self):
            self._decoder.flush_buffers()

    asked = []
    monkeypatch.setattr(CardDecoders, "_opened", lambda *_: asked.append(1) or Wider())
    with decoding_on("cuda"):
        for _ in range(2):
            np.testing.assert_array_equal(frames_at(film, TIMES).data, plain.data)
    assert asked == [1]


def test_decoding_on__films_whose_headers_do_not_state_how_far_frames_are_reordered(tmp_path, card):
    path = write_ramp(
        tmp_path / "film.mp4",
        textured=True,
        b_frames=2,
        options={"x264-params": "b-pyramid=normal"},
    )
    plain = frames_at(path, TIMES)
    with decoding_on("cuda") as decoders:
        for _ in range(2):
            np.testing.assert_array_equal(frames_at(path, TIMES).data, plain.data)
    assert decoders.films == 2
    assert len(card) == 1


_REAL_ACCELERATOR = hardware._accelerator


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


def _laid_out(rows, plane):
    """Rows with the padding of a plane."""
    out = np.zeros((len(rows), plane.line_size), np.uint8)
    out[:, : rows.shape[1]] = rows
    return out.tobytes()
