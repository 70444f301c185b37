"""What a caller of ``AutoModel`` insists on, read and checked."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.backends import BackendType
from models.cards import ModelCard
from models.errors import InvalidParameterError
from models.loader.filters import Demands
from models.packages import offline as hub_is_off
from models.packages import plan_download
from models.runtime import check_dtype

_COMMIT = re.compile(r"^[0-9a-f]{4,40}$")


def read_demands(
    backend: str | BackendType,
    device: Any,
    dtype: Any,
    revision: str | None,
    *,
    offline: bool | None,
    allow_local_code: bool,
) -> Demands:
    """Read and check what the caller insists on.

    Args:
        backend: "auto", or a backend.
        device: "auto", or a device.
        dtype: "auto", or a number format.
        revision: A version of the weights; None for any.
        offline: ``local_files_only`` of the caller.
        allow_local_code: Whether a package may run its own code.

    Returns:
        The demands.

    Raises:
        InvalidParameterError: If a value is not among the allowed ones.
        UnknownBackendTypeError: If there is no such backend.
    """
    if offline not in (None, True, False):
        raise InvalidParameterError(f"local_files_only is a bool or None; {offline!r} came.")
    if revision is not None and not (isinstance(revision, str) and revision.strip()):
        raise InvalidParameterError(f"revision is a commit, or how it starts; {revision!r} came.")
    return Demands(
        backend=None if str(backend).strip().lower() == "auto" else BackendType.parse(backend),
        device=str(device).strip().lower(),
        revision=revision,
        allow_local_code=allow_local_code,
        dtype=check_dtype(dtype),
        local_files_only=bool(offline) or hub_is_off(),
    )


def settle_revision(demands: Demands, card: ModelCard, model_dir: str | Path | None = None) -> Demands:
    """Turn the name of a branch or tag of the hub into the commit that it is now.

    Args:
        demands: What the caller insists on.
        card: The model.
        model_dir: Folder that holds packages.

    Returns:
        The demands, with a full commit where the hub could be asked.

    Raises:
        ModelRetrievalError: If the hub does not know the name, or the package here is of another
            commit.
    """
    revision = demands.revision
    if revision is None or _COMMIT.match(revision) or card.source != "hub" or demands.local_files_only:
        return demands
    return replace(demands, revision=plan_download(card, model_dir=model_dir, revision=revision).revision)
