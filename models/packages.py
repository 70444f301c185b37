"""Model packages: on disk, and from the hub. The one user of huggingface_hub.

A download resolves the revision to a full commit, learns names, sizes and hashes of all files
before the first byte, and ends with a verified package or an error of ours: ``models.packaging.hub`` asks,
``models.packaging.run`` fetches, and here are the calls for everybody.
"""

import os
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from models.cards import ModelCard
from models.errors import InvalidParameterError, ModelNotFoundError
from models.packaging.files import ModelPackage, write_manifest
from models.packaging.hub_errors import DownloadStoppedError, OfflineError
from models.packaging.installed import (
    VerificationReport,
    check_package,
    find_package,
    installed_ids,
    installed_package,
    remove_folders,
)
from models.packaging.locations import models_root, package_path
from models.packaging.manifest import MANIFEST_NAME
from models.packaging.plan import DownloadPlan, DownloadProgress
from models.packaging.run import Hub, Request, carry_out, make_plan
from models.packaging.watch import Patience, Watch

__all__ = [
    "DownloadPlan",
    "DownloadProgress",
    "DownloadStoppedError",
    "ModelPackage",
    "VerificationReport",
    "download_package",
    "find_package",
    "installed_ids",
    "is_installed",
    "models_root",
    "offline",
    "package_path",
    "plan_download",
    "remove_package",
    "verify_package",
    "write_manifest",
]

DEFAULT_ENDPOINT = "https://huggingface.co"
_MODEL_ID = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}$", re.ASCII)


def plan_download(
    model: str | ModelCard, *, model_dir: str | Path | None = None, revision: str | None = None
) -> DownloadPlan:
    """Find out what a download would fetch, and how much of it; writes nothing.

    Args:
        model: Id of a model of the catalogue, or a card.
        model_dir: Folder for packages; None for ``models_root()``.
        revision: Version to fetch; None for that of the card, or what "main" is now.

    Returns:
        Commit, files, sizes and the folder; companions included.

    Raises:
        ModelNotFoundError: If the id is unknown.
        ModelRetrievalError: If the hub cannot be asked, or offers no package.
    """
    request = _request(model, model_dir, revision)
    return make_plan(request, _hub, Watch(request.card.model_id))


def download_package(
    model: str | ModelCard,
    *,
    model_dir: str | Path | None = None,
    revision: str | None = None,
    progress: Callable[[DownloadProgress], None] | None = None,
    stop: threading.Event | None = None,
) -> ModelPackage:
    """Fetch a model and the repositories it needs, unless they are here; goes on after a break.

    Args:
        model: Id of a model of the catalogue, or a card.
        model_dir: Folder for packages; None for ``models_root()``.
        revision: Version to fetch; None for that of the card, or what "main" is now.
        progress: Called in this thread, at most ten times a second.
        stop: Set it to end the download within two seconds; what has arrived is kept.

    Returns:
        The package; every byte of what was fetched has the hash that the hub announced.

    Raises:
        ModelNotFoundError: If the id is unknown.
        DownloadStoppedError: If ``stop`` was set.
        ModelRetrievalError: If it cannot be fetched; the branches of this error say why.
    """
    request = _request(model, model_dir, revision)
    card = request.card
    if card.source != "hub":
        return find_package(card, model_dir)
    plan = make_plan(request, _hub, Watch(card.model_id, stop))

    def tell(done: int, file: str) -> None:
        """Put a number of bytes into words for the listener."""
        if progress is not None:
            progress(DownloadProgress(card.model_id, done, plan.total_bytes, file))

    return carry_out(plan, request, _hub, Watch(card.model_id, stop, tell, plan.present_bytes))


def is_installed(model: str | ModelCard, model_dir: str | Path | None = None) -> bool:
    """Tell whether a model and all it needs are on this machine; reads manifests and sizes only.

    Args:
        model: Id of a model of the catalogue, or a card.
        model_dir: Folder for packages; None for ``models_root()``.

    Returns:
        False also when a file is missing or cut short.

    Example:
        >>> is_installed("workbench/spriteclip-tiny")
        True
    """
    request = _request(model, model_dir, None)
    everything = [request, *request.companions()]
    return all(installed_package(one.card, one.model_dir) is not None for one in everything)


def verify_package(
    model: str | ModelCard, model_dir: str | Path | None = None, *, full: bool = False
) -> VerificationReport:
    """Compare what is on this machine with its manifest, to the last file.

    Args:
        model: Id of a model of the catalogue, or a card.
        model_dir: Folder for packages; None for ``models_root()``.
        full: Read and hash every file; otherwise names and sizes are compared.

    Returns:
        One status per file; ``ok`` sums it up.

    Raises:
        PackageNotFoundError: If there is no package.
        CorruptedModelPackageError: If its manifest cannot be read.

    Example:
        >>> verify_package("workbench/spriteclip-tiny").ok
        True
    """
    return check_package(find_package(_request(model, model_dir, None).card, model_dir), full=full)


def remove_package(model: str | ModelCard, model_dir: str | Path | None = None) -> int:
    """Remove a model of the hub from this machine: package, exported ones, half a download.

    Args:
        model: Id of a model of the catalogue, or a card.
        model_dir: Folder for packages; None for ``models_root()``.

    Returns:
        Bytes freed.

    Raises:
        PackageNotFoundError: If nothing of it is here.
        InvalidParameterError: If it did not come from the hub.
    """
    return remove_folders(_request(model, model_dir, None).card, model_dir)


def offline() -> bool:
    """Tell whether the network is forbidden: ``HF_HUB_OFFLINE``, read at each call.

    Returns:
        True for 1, true, yes and on.
    """
    return os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on")


def _request(model: str | ModelCard, model_dir: str | Path | None, revision: str | None) -> Request:
    """Find the card, and those of what it needs."""
    from models.catalog import CATALOG, COMPANIONS

    cards = {**COMPANIONS, **CATALOG}
    card = cards.get(model) or _card_here(model, model_dir) if isinstance(model, str) else model
    if card is None:
        raise ModelNotFoundError(
            f"Unknown model {model!r}.",
            next_step="AutoModel.list_available_models() lists the ids; pass a ModelCard for another one.",
        )
    if not isinstance(card, ModelCard):
        raise InvalidParameterError(f"A model id or a ModelCard was expected; {model!r} came.")
    if card.source == "hub" and not _MODEL_ID.match(card.model_id):
        raise InvalidParameterError(f"{card.model_id!r} cannot be the id of a model on the hub (org/name).")
    return Request(card, cards, model_dir, revision or None)


def _card_here(model_id: str, model_dir: str | Path | None) -> ModelCard | None:
    """Make the card of a model that was fetched with a card of its own, from its manifest."""
    if not _MODEL_ID.match(model_id) or not (models_root(model_dir) / model_id / MANIFEST_NAME).is_file():
        return None
    said = ModelPackage.open(models_root(model_dir) / model_id).manifest
    return ModelCard(model_id, said.architecture, said.task_type, (said.backend,), revision=said.revision)


def _hub() -> Hub:
    """Open the hub, as the environment says now; nothing is asked yet."""
    if offline():
        raise OfflineError(
            "HF_HUB_OFFLINE is set, so nothing is fetched.",
            next_step="Unset it, or fetch the model elsewhere: `workbench models download ID`.",
        )
    import huggingface_hub.utils
    from huggingface_hub import constants

    from models.packaging.hub import HuggingFaceHub

    constants.HF_HUB_OFFLINE = False  # it was read at the import; it is what it is now
    constants.HF_HUB_DISABLE_TELEMETRY = True  # it would ask the hub for things that nobody asked for
    return HuggingFaceHub(huggingface_hub, _endpoint(), _patience())


def _endpoint() -> str:
    """Address of the hub: ``HF_ENDPOINT``, read at each call."""
    endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or DEFAULT_ENDPOINT
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidParameterError(
            f"HF_ENDPOINT is {endpoint!r}; an address such as {DEFAULT_ENDPOINT} is expected."
        )
    return endpoint


def _patience() -> Patience:
    """How long to wait; huggingface_hub's own variables are heeded."""
    usual = Patience()
    return replace(
        usual,
        answer_s=_seconds("HF_HUB_ETAG_TIMEOUT", usual.answer_s),
        stall_s=_seconds("HF_HUB_DOWNLOAD_TIMEOUT", usual.stall_s),
    )


def _seconds(name: str, usual: float) -> float:
    """Read a number of seconds from the environment."""
    stated = os.environ.get(name, "")
    return float(stated) if re.fullmatch(r"0*[1-9]\d{0,4}", stated) else usual
