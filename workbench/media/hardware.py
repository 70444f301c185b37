"""Decoding on a CUDA card: while a model computes there, the card's video decoders take part.

Measured on an H200 with 720p H.264: a decoder takes 45 ms to open and 1 ms a frame then, so decoders are
kept from film to film. Eight at a time reach nearly all that the card can do; other films are decoded by
the processor meanwhile. Only codecs whose standard fixes every bit of a picture are left to it, so the pixels
are the same. What the card cannot tell is whether a packet was damaged: it shows what it made of it.
"""

import logging
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeAlias

from models.cuda import cuda_in_use, joined_context
from workbench.media.packets import OtherSizeError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

    from workbench.media.container import OpenVideo

    _Settings: TypeAlias = tuple[str, bytes, int, int]

_logger = logging.getLogger(__name__)

HARDWARE_DECODING = "EMBEDDING_WORKBENCH_HARDWARE_DECODING"  # "1" lets the card take part, "0" does not
_UNLESS_SAID = "0"
DECODERS = 8
_FORMATS = {"h264": {None, "yuv420p", "yuvj420p"}, "hevc": {"yuv420p", "yuvj420p", "yuv420p10le"}}
_FEWEST_PIXELS = 640 * 360  # of smaller pictures a processor decodes about as many


class CardDecoders:
    """The decoders of one card; each is lent to one film at a time.

    Args:
        device: A CUDA device that is in use.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._lock = RLock()  # whoever was left half-way may be closed anywhere
        self._works = True
        self._lent = 0
        self._idle: list[tuple[_Settings, Any]] = []  # the one that was used last comes last
        self._refused: set[_Settings] = set()
        self.films = 0

    @contextmanager
    def lend(self, video: "OpenVideo") -> Generator[Any]:
        """Lend an empty decoder.

        Args:
            video: What it is for.

        Yields:
            A decoder whose frames stay on the card; None where the processor has to decode: the card does
            not know the codec, is busy, or does not work.
        """
        settings = _settings(video)
        if not self._has_one_for(settings, video):
            yield None
            return
        try:
            decoder = self._idle_one(settings) or self._opened(settings)
            if decoder is not None:
                decoder.reorder_depth = video.stream.codec_context.reorder_depth  # else early frames are lost
            try:
                yield decoder
            except GeneratorExit:  # all that was wanted has come out
                self._take_back(settings, decoder)
                raise
            except OtherSizeError:
                with self._lock:
                    self._refused.add(settings)
                raise
            self._take_back(settings, decoder)  # not after an error
        finally:
            with self._lock:
                self._lent -= 1

    def _has_one_for(self, settings: "_Settings", video: "OpenVideo") -> bool:
        """Whether a decoder may be lent; it is counted then."""
        if not self._works or not _suits(video):
            return False
        with self._lock:
            if settings in self._refused or self._lent == DECODERS:
                return False
            self._lent += 1
            return True

    def _idle_one(self, settings: "_Settings") -> Any:
        """A decoder that was used for a film of the same settings; the one idle longest may have to go."""
        with self._lock:
            for place, (its, decoder) in enumerate(self._idle):
                if its == settings:
                    del self._idle[place]
                    return decoder
            del self._idle[: max(len(self._idle) + self._lent - DECODERS, 0)]
        return None

    def _opened(self, settings: "_Settings") -> Any:
        """A new decoder within torch's context on the card: one of its own takes half a second to open."""
        import av.error

        codec, extradata, *_ = settings
        try:
            with joined_context(self._device):
                decoder: Any = av.CodecContext.create(codec, "r", hwaccel=_accelerator())
        except (av.error.FFmpegError, OSError, NotImplementedError, ValueError, RuntimeError) as error:
            self._works = False  # FFmpeg without CUDA, a driver without its video library, no memory left
            _logger.warning("The video decoders of %s do not take part: %s", self._device, error)
            return None
        decoder.extradata = extradata or None
        decoder.thread_type, decoder.thread_count = "NONE", 1
        return decoder

    def _take_back(self, settings: "_Settings", decoder: Any) -> None:
        """Keep a decoder for the next film; one that used the processor after all tells what is refused."""
        if decoder is None:
            return
        with self._lock:
            if decodes_on_card(decoder):
                decoder.flush_buffers()
                self._idle.append((settings, decoder))
                self.films += 1
            else:
                self._refused.add(settings)


_cards: list[CardDecoders] = []  # of the runs that go on, the newest last


@contextmanager
def decoding_on(device: str) -> Generator[CardDecoders | None]:
    """Let the video decoders of a device take part in all decoding while the block runs.

    Args:
        device: Where a model computes. Of others than CUDA devices in use, nothing changes.

    Yields:
        The card's decoders; None where there are none, or they are not to take part.

    Example:
        >>> with decoding_on("cpu") as card:
        ...     print(card)
        None
    """
    if not takes_part(device):
        yield None
        return
    card = CardDecoders(device)
    _cards.append(card)
    try:
        yield card
    finally:
        _cards.remove(card)


def card_decoder(video: "OpenVideo") -> AbstractContextManager[Any]:
    """Lend a decoder of the card that takes part, as `CardDecoders.lend` does; None where none does."""
    for card in _cards[-1:]:
        return card.lend(video)
    return nullcontext()


def takes_part(device: str) -> bool:
    """Whether a device is one whose video decoders would take part."""
    return os.environ.get(HARDWARE_DECODING, _UNLESS_SAID) == "1" and cuda_in_use(device) is not None


def decodes_on_card(decoder: Any) -> bool:
    """Whether a decoder that has decoded did so on the card."""
    return decoder.pix_fmt == "cuda"


def _accelerator() -> "HWAccel":
    """The CUDA context that is current in this thread; frames are not copied until they are wanted."""
    from av.codec.hwaccel import HWAccel, hwdevices_available

    if "cuda" not in hwdevices_available():
        raise NotImplementedError("FFmpeg was built without CUDA")
    return HWAccel("cuda", options={"primary_ctx": "0", "current_ctx": "1"}, is_hw_owned=True)


def _settings(video: "OpenVideo") -> "_Settings":
    """What two films have to have in common to share a decoder."""
    context = video.stream.codec_context
    return video.codec, bytes(context.extradata or b""), context.width, context.height


def _suits(video: "OpenVideo") -> bool:
    """Whether the card decodes a film, faster, to the same pixels."""
    context = video.stream.codec_context
    known = context.pix_fmt in _FORMATS.get(video.codec, ())
    return known and context.width * context.height >= _FEWEST_PIXELS
