"""What can go wrong between the hub and a package on this machine.

A branch of the tree in ``models.errors``: everything here but ``DownloadStoppedError`` is a
``ModelRetrievalError``.
"""

from models.errors import FileHashMismatchError, WorkbenchError

LOOK_AROUND = (
    "Look at the network, HF_ENDPOINT and the proxy settings, then try again; what has arrived is kept."
)
LOOK_BETWEEN = "Look at HF_ENDPOINT and at what stands between you and the hub, then try again."


class ModelRetrievalError(WorkbenchError):
    """A model could not be fetched from the hub.

    Occurs: through one of its branches: no network, no access, no space, a hub that makes no
    sense, another version than was asked for.
    What to do: see the branch; what has arrived is kept, the same call goes on from there.
    """


class OfflineError(ModelRetrievalError):
    """Something is missing on this machine, and the network may not be used.

    Occurs: with ``HF_HUB_OFFLINE=1``, or ``local_files_only=True``, when files are missing.
    What to do: fetch the model first, with ``workbench models download ID``, or allow the network.
    """


class HubUnreachableError(ModelRetrievalError):
    """The hub cannot be reached, or gives up halfway again and again.

    Occurs: no network, a proxy or a certificate in the way, a hub that is down or overloaded,
    a connection that stalls.
    What to do: look at the network, ``HF_ENDPOINT`` and the proxy settings; try again later.

    Args:
        message: What happened.
        next_step: What helps.
        transient: Whether trying again soon may help.
        wait_s: Seconds that the hub asks to wait; None when it does not say.
    """

    def __init__(
        self, message: str, *, next_step: str = "", transient: bool = False, wait_s: float | None = None
    ) -> None:
        super().__init__(message, next_step=next_step or LOOK_AROUND)
        self.transient = transient
        self.wait_s = wait_s


class GatedModelError(ModelRetrievalError):
    """The hub keeps the files back until you log in or accept conditions.

    Occurs: for gated and private repositories.
    What to do: accept the conditions on the model's page, then log in: ``hf auth login``, or set
    ``HF_TOKEN``.
    """


class HubNotFoundError(ModelRetrievalError):
    """The hub has no such repository, version or file.

    Occurs: a wrong id, a version that was deleted, a file that vanished.
    What to do: look at the model's page; ask for another version.
    """


class HubAnswerError(ModelRetrievalError):
    """The hub answered with something that a hub does not say, and it was not used.

    Occurs: a login page of a proxy instead of a file, names that leave the folder, files that are
    shorter, longer or other than announced.
    What to do: try again; look at ``HF_ENDPOINT`` and at what stands between you and the hub.
    """

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step or LOOK_BETWEEN)


class DownloadedFileError(HubAnswerError, FileHashMismatchError):
    """A file arrived whole, but it is not the one that the hub announced.

    Occurs: the hash of what arrived differs, twice.
    What to do: try again later, from another network if you can; nothing of that file was kept.
    """


class RevisionMismatchError(ModelRetrievalError):
    """Another version of a model is here, or was offered, than was asked for.

    Occurs: the package here holds another commit; the hub answers for another commit.
    What to do: remove the package here first, or ask for the version that it has.
    """


class DiskFullError(ModelRetrievalError, OSError):
    """There is no room for the files.

    Occurs: before a download that would not fit, or on the way.
    What to do: free space, or choose another disk with ``EMBEDDING_WORKBENCH_MODELS``; what has
    arrived is kept.
    """


class FolderNotWritableError(ModelRetrievalError, OSError):
    """The folder for models cannot be written to.

    Occurs: a read-only disk, a folder of somebody else, a file where a folder belongs.
    What to do: choose another folder, with ``model_dir=`` or ``EMBEDDING_WORKBENCH_MODELS``.
    """


class DownloadStoppedError(WorkbenchError):
    """A download was stopped on request.

    Occurs: ``stop`` was set, in the panel or by Ctrl-C.
    What to do: nothing is lost; the same call goes on where it stopped.
    """
