"""The workbench's own errors: branches of the one tree whose root is `WorkbenchError`.

Each says what came, what is allowed and, where useful, the next step. A file that cannot be
read is a `MediaError`; the batch loop turns these into outcomes instead of ending the run.
"""

from models.errors import EmbeddingSpaceError, InvalidParameterError, WorkbenchError

__all__ = [
    "ClipDecodeError",
    "EmbeddingSpaceError",
    "InvalidClipError",
    "InvalidParameterError",
    "JobStoppedError",
    "MediaError",
    "NothingToEmbedError",
    "NothingToRankError",
    "SourceNotFoundError",
    "UnsupportedMediaError",
    "WorkbenchError",
]


class MediaError(WorkbenchError):
    """A video or image could not be used; the message names the file."""


class ClipDecodeError(MediaError):
    """A file was recognised, but its frames could not be decoded."""


class UnsupportedMediaError(MediaError):
    """A file is not a video or image of a kind that can be read here."""


class SourceNotFoundError(MediaError, FileNotFoundError):
    """A file, folder or pattern names nothing that exists."""

    __str__ = WorkbenchError.__str__  # OSError would print its errno instead of our sentence


class InvalidClipError(MediaError, ValueError):
    """A clip's span or number of frames makes no sense."""


class JobStoppedError(WorkbenchError):
    """A job was stopped before it had any result to give."""


class NothingToEmbedError(InvalidParameterError):
    """There is no clip to embed."""


class NothingToRankError(InvalidParameterError):
    """There is no prompt, or no embedded clip, to rank."""
