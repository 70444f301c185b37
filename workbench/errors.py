"""The workbench's own errors: branches of the one tree whose root is `WorkbenchError`.

Each says what came, what is allowed and, where useful, the next step. A file that cannot be
read is a `MediaError`; the batch loop turns these into outcomes instead of ending the run.
"""

from models.errors import EmbeddingSpaceError, InvalidParameterError, WorkbenchError

__all__ = [
    "ClipDecodeError",
    "EmbeddingSpaceError",
    "EmbeddingsFileError",
    "InvalidClipError",
    "InvalidParameterError",
    "JobStoppedError",
    "MediaError",
    "ModelOutputError",
    "NothingToEmbedError",
    "NothingToRankError",
    "ShardError",
    "SourceNotFoundError",
    "StageError",
    "StoreError",
    "UnsupportedMediaError",
    "WorkbenchError",
]


class MediaError(WorkbenchError):
    """A video or image that could not be used; the message names the file.

    Occurs: through its branches, while a source is listed or a clip is decoded.
    What to do: look at the file; one broken file never ends a run, it is listed with its reason.
    """


class ClipDecodeError(MediaError):
    """A file of a known kind whose frames could not be decoded.

    Occurs: truncated or damaged files, a codec that is not installed.
    What to do: play the file in another program; encode it again or leave it out.
    """


class UnsupportedMediaError(MediaError):
    """A file that is not a video or image of a kind that can be read here.

    Occurs: texts, archives and audio files, also under the name of a video.
    What to do: leave it out, or convert it to MP4, WebM, JPEG or PNG.
    """


class SourceNotFoundError(MediaError, FileNotFoundError):
    """A file, folder or pattern that names nothing.

    Occurs: a misspelt path, a file that was moved after it was listed.
    What to do: correct the path, or load the clips again.
    """


class InvalidClipError(WorkbenchError, ValueError):
    """A clip whose span or number of frames makes no sense.

    Occurs: a stop before the start, no frames asked for.
    What to do: give start < stop, in seconds, and at least 1 frame.
    """


class ModelOutputError(WorkbenchError):
    """A model returned something else than one finite unit row per input.

    Occurs: mostly with a model of your own: rows missing, NaN, rows that are not normalised.
    What to do: run ``models.check_model(model)``, which names the broken promise.
    """


class EmbeddingsFileError(WorkbenchError, ValueError):
    """A file that does not hold embeddings saved by the workbench.

    Occurs: another program's Parquet or NPZ file, a damaged one, one of a newer version.
    What to do: load files written by ``Embeddings.save``.
    """


class JobStoppedError(WorkbenchError):
    """A job that was stopped before it had a result to give.

    Occurs: ``stop()`` came while the model or the clips were still being loaded.
    What to do: start again; a job stopped later gives what was finished.
    """


class NothingToEmbedError(InvalidParameterError):
    """A call to embed without a single clip.

    Occurs: an empty folder, or one in which no file could be read.
    What to do: see ``clips.errors`` for what was turned down and why.
    """


class NothingToRankError(InvalidParameterError):
    """A ranking without prompts or without embedded clips.

    Occurs: only blank lines among the prompts, or every clip was skipped.
    What to do: type a prompt; see ``skipped`` for the reasons.
    """


class StageError(WorkbenchError, ValueError):
    """A stage of a pipeline that failed, or that was given what it cannot take.

    Occurs: an exception in ``setup`` or ``process``; a stage put before the one whose results it needs.
    What to do: the message names the stage and the task; mend the stage, or put it elsewhere.
    """


class ShardError(WorkbenchError, RuntimeError):
    """A shard whose samples do not fit their metadata, or a model's vectors that do not fit the samples.

    Occurs: rows and samples of different counts or ids, an id twice, a batch without its ids.
    What to do: the message names the shard and the ids; write shard and metadata anew together.
    """


class StoreError(WorkbenchError):
    """An embedding store that cannot be opened, read or written.

    Occurs: a full disk, a folder without permission, a folder that holds something else, a newer format.
    What to do: mend what the message names and run the same call again; what was written is kept.
    """
