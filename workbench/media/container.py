"""Opening a video file safely: what it is, which stream counts, plain reasons when it fails.

Only container formats that hold video are tried, and only local files: PyAV would otherwise
open a text as a terminal recording, or a playlist that names other files and addresses.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
from av.stream import Disposition

from models.probes import cpu_count
from workbench.errors import ClipDecodeError, MediaError, UnsupportedMediaError
from workbench.media.files import MAX_PIXELS, MediaFile, media_file
from workbench.media.names import display_name
from workbench.media.orientation import may_be_turned
from workbench.media.packets import PacketReader
from workbench.media.pixels import display_matrix, is_on_card

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,ivf,mxf,nut,dv,"
    "h264,hevc,m4v,yuv4mpegpipe,rm"
)
# `file` is needed for the file itself; everything else (http, concat, pipe) is refused.
_OPEN_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
_MP4_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"}
_MAGIC = (b"\x1aE\xdf\xa3", b"RIFF", b"FLV", b"OggS", b"\x00\x00\x01", b"G@", b"DKIF", b"YUV4MPEG2")
# FFmpeg opens an H.264 stream by decoding its first picture, 12 ms at 720p and 28 at 1080p, to learn what
# MP4 says in its headers. Matroska states no decoding times; they would be guessed wrongly.
_BRIEFLY = {"skip_frame": "all"}
_MP4, _BRIEF_ENDINGS = "mov,mp4,m4a,3gp,3g2,mj2", (".mp4", ".m4v", ".mov")
_MOST_THREADS = 16  # FFmpeg's own limit when it chooses; it would take one more than there are processors


@dataclass(frozen=True)
class OpenVideo:
    """An open file, its best video stream, and the decoder to use for it.

    Args:
        path: The file.
        container: It, opened.
        stream: Its best video stream.
        decoder: A VideoCodecContext: the stream's own, or one that also decodes transparency.
        threads: How many threads it may decode with, at least 1.
    """

    path: Path
    container: "InputContainer"
    stream: "VideoStream"
    decoder: Any
    threads: int
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def codec(self) -> str:
        """FFmpeg's name of the codec, whichever decoder is used for it."""
        context = self.stream.codec_context
        return context.codec.canonical_name or context.name

    @property
    def is_mp4(self) -> bool:
        """Whether it is MP4, MOV or one of their kin."""
        return self.container.format.name == _MP4

    @property
    def stated_matrix(self) -> tuple[int, ...] | None:
        """The display matrix that the container states; one frame is decoded where headers hint at one."""
        if "matrix" not in self._known:
            self._known["matrix"] = _stated_matrix(self.path)
        return self._known["matrix"]

    def matrix_of(self, frame: "VideoFrame") -> tuple[int, ...] | None:
        """The display matrix of a frame; only the stream's own decoder adds what the container states.

        Args:
            frame: What any decoder made of packets of this video.
        """
        matrix = display_matrix(frame)
        is_of_other = self.decoder is not self.stream.codec_context or is_on_card(frame)
        return self.stated_matrix if matrix is None and is_of_other else matrix


def default_threads() -> int:
    """Choose how many threads decode one film: one for each processor, as far as FFmpeg gains by more.

    Example:
        >>> 1 <= default_threads() <= 16
        True
    """
    return min(cpu_count(), _MOST_THREADS)


@contextmanager
def open_video(path: Path, threads: int | None = None, *, brief: bool = False) -> Generator[OpenVideo]:
    """Open a video file and its best video stream; close it whatever happens.

    Fields of the stream must be copied before the block ends: they live in the container.

    Args:
        path: A local file.
        threads: Decoder threads; None or 0 takes one for each processor.
        brief: Whether the headers will do where they usually tell all: how pixels are stored may be unknown
            then, and sizes are those that the container states.

    Raises:
        SourceNotFoundError, UnsupportedMediaError, ClipDecodeError: With a plain reason; also
            for whatever FFmpeg raises inside the block.
    """
    file = media_file(path)
    name = display_name(path)
    try:
        with _opened(file, brief=brief and path.suffix.lower() in _BRIEF_ENDINGS) as container:
            stream = _best_stream(container, name)
            decoder, threads = _decoder(stream), threads or default_threads()
            decoder.thread_type = "NONE" if threads == 1 else "AUTO"
            decoder.thread_count = threads
            yield OpenVideo(path, container, stream, decoder, threads)
    except MediaError:
        raise
    except (av.error.FFmpegError, OSError, EOFError) as error:
        raise _translated(error, name, file) from error


def _stated_matrix(path: Path) -> tuple[int, ...] | None:
    """Decode the first frame that can be, with the stream's own decoder, for its display matrix."""
    with suppress(MediaError, OSError):
        if may_be_turned(path):
            with open_video(path, threads=1) as video:
                for packet in PacketReader(video):
                    with suppress(av.error.FFmpegError):  # damaged: the next one will do
                        for frame in video.stream.codec_context.decode(packet):
                            return display_matrix(frame)
    return None


def _opened(file: MediaFile, *, brief: bool) -> "InputContainer":
    """Open a container; briefly where that tells all."""
    options = _OPEN_OPTIONS | ({"protocol_whitelist": "file,subfile"} if file.inside else {})
    if brief:
        container = av.open(file.address, options=options | _BRIEFLY, metadata_errors="replace")
        if _tells_all(container):
            return container
        container.close()
    return av.open(file.address, options=options, metadata_errors="replace")


def _tells_all(container: "InputContainer") -> bool:
    """Whether nothing is missing in headers that were read briefly, and one stream only may be meant."""
    videos = container.streams.video
    if container.format.name != _MP4 or len(videos) != 1:
        return False
    context = getattr(videos[0], "codec_context", None)
    return context is not None and context.width > 0 and (context.name == "h264" or bool(context.pix_fmt))


def _best_stream(container: "InputContainer", name: str) -> "VideoStream":
    """Pick the stream FFmpeg calls best, never a cover picture, and check that it decodes."""
    videos = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not videos:
        what = "sound only" if container.streams.audio else "no video stream"
        raise UnsupportedMediaError(f"{name} has no pictures: {what}.")
    best = container.streams.best("video")
    stream = cast("VideoStream", best) if best in videos else videos[0]
    context = getattr(stream, "codec_context", None)
    if context is None:
        raise ClipDecodeError(f"No decoder here for the video codec of {name}.")
    width, height = context.width, context.height
    if width < 1 or height < 1:
        raise ClipDecodeError(f"{name} does not say how large its pictures are; it is probably cut short.")
    if width * height > MAX_PIXELS:
        raise UnsupportedMediaError(
            f"{name} has pictures of {width}x{height}; at most {MAX_PIXELS} pixels are decoded."
        )
    return stream


def _decoder(stream: "VideoStream") -> Any:
    """Take the stream's decoder, or libvpx where a WebM has transparency: FFmpeg's own drops it."""
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(stream.codec_context.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}  # FFmpeg writes it either way
    if name and tags.get("alpha_mode") == "1":
        with suppress(av.error.FFmpegError, ValueError):
            return av.CodecContext.create(name, "r")
    return stream.codec_context


def _is_cover(stream: "VideoStream") -> bool:
    """Tell whether a stream is a cover picture or thumbnail of a sound file."""
    with suppress(AttributeError, ValueError):
        return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))
    return False


def _translated(error: Exception, name: str, file: MediaFile) -> MediaError:
    """Turn what FFmpeg or the system raised into one of our errors with a plain reason."""
    if isinstance(error, PermissionError):
        return ClipDecodeError(f"No permission to read {name}.")
    if isinstance(error, av.error.ArgumentError | av.error.InvalidDataError | av.error.EOFError | EOFError):
        if _starts_like_video(file):
            return ClipDecodeError(f"{name} is damaged or cut short: its pictures cannot be decoded.")
        return UnsupportedMediaError(f"{name} is not a video that can be read here.")
    if isinstance(error, av.error.DecoderNotFoundError):
        return ClipDecodeError(f"No decoder here for the video codec of {name}.")
    reason = getattr(error, "strerror", None) or str(error)
    return ClipDecodeError(f"Cannot decode {name}: {reason}.")


def _starts_like_video(file: MediaFile) -> bool:
    """Tell a damaged video from something else by its first bytes."""
    try:
        with file.open() as stream:
            head = stream.read(16)
    except OSError:
        return False
    return head[4:8] in _MP4_BOXES or head.startswith(_MAGIC)
