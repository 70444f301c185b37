"""What a hub answers, put into our words: files, responses, refusals, failures.

Nothing here imports an HTTP library: answers and errors are read by what they have.
"""

import re
import socket
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

from models.errors import WorkbenchError
from models.packaging.hub_errors import (
    GatedModelError,
    HubAnswerError,
    HubNotFoundError,
    HubUnreachableError,
    ModelRetrievalError,
    OfflineError,
)
from models.packaging.plan import RemoteFile
from models.packaging.watch import FileStream

_BROKEN = {"TransportError", "OSError"}
_BUSY = (408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524)
_LOGIN = re.compile(r"Bearer\s+[^\s'\"]+")  # a login is never part of a message
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_GIT_OID = re.compile(r"^([0-9a-f]{40}|[0-9a-f]{64})$")


def remote_file(entry: Any) -> RemoteFile:
    """Read one entry of a listing.

    Args:
        entry: Has ``rfilename``, ``size``, ``blob_id`` and ``lfs``.

    Returns:
        The file; a size that is missing is -1, a hash that is none is None.
    """
    lfs = entry.lfs
    size = lfs.size if lfs is not None else entry.size
    sha256 = str(lfs.sha256).lower().removeprefix("sha256:") if lfs is not None else ""
    oid = str(entry.blob_id or "").lower() if lfs is None else ""
    return RemoteFile(
        path=str(entry.rfilename),
        size=size if isinstance(size, int) and not isinstance(size, bool) else -1,
        sha256=sha256 if _SHA256.match(sha256) else None,
        git_oid=oid if _GIT_OID.match(oid) else None,
    )


def headed_file(path: str, head: Any) -> RemoteFile:
    """Read what the hub says about one file when asked for its head.

    Args:
        path: The file.
        head: Has ``size`` and ``etag``.

    Returns:
        The file; a size that is missing is -1, a hash that is none is None.
    """
    etag = str(head.etag or "").lower()
    return RemoteFile(
        path=path,
        size=head.size if isinstance(head.size, int) else -1,
        sha256=etag if _SHA256.match(etag) else None,
        git_oid=etag if _GIT_OID.match(etag) else None,
        etag="" if _SHA256.match(etag) or _GIT_OID.match(etag) else etag,
    )


def file_stream(response: Any, start: int, what: str, page: str) -> FileStream | None:
    """Read the head of a response that should bring a file.

    Args:
        response: The response, its body not yet read.
        start: Offset that was asked for.
        what: The file, for messages.
        page: Address of the model's page.

    Returns:
        The stream; None when it has to be asked for from the beginning.

    Raises:
        ModelRetrievalError: If the hub refuses, or answers in a way that brings no file.
    """
    status, headers = response.status_code, response.headers
    encoded = headers.get("content-encoding", "identity").lower() not in ("", "identity")
    if status == 416 or (status == 206 and (encoded or _range_start(headers) != start)):
        if start:
            return None
        raise HubAnswerError(f"The hub sends a part of {what} that nobody asked for.")
    if status not in (200, 206):
        raise refusal(status, headers, what, page)
    length = headers.get("content-length", "")
    return FileStream(
        start=start if status == 206 else 0,
        length=int(length) if length.isdigit() and not encoded else None,
        content_type=headers.get("content-type", "").lower(),
        chunks=response.iter_bytes(),
    )


def redirected(url: str, location: str, headers: Mapping[str, str], what: str) -> tuple[str, dict[str, str]]:
    """Follow a redirect; the login is for the host it was given to, and for no other.

    Args:
        url: Where the request went.
        location: Where it is sent now.
        headers: Headers of the request.
        what: The file, for messages.

    Returns:
        The next address, and the headers for it.

    Raises:
        HubAnswerError: If it leads nowhere, or out of encryption.
    """
    target = urljoin(url, location)
    old, new = urlsplit(url), urlsplit(target)
    if not location or new.scheme not in ("http", "https") or not new.hostname:
        raise HubAnswerError(f"The hub sends the request for {what} to {location!r}.")
    if old.scheme == "https" and new.scheme == "http":
        raise HubAnswerError(f"The hub sends the request for {what} to an address without encryption.")
    if (old.scheme, old.netloc.lower()) == (new.scheme, new.netloc.lower()):
        return target, dict(headers)
    return target, {name: value for name, value in headers.items() if name.lower() not in _PRIVATE}


_PRIVATE = ("authorization", "cookie")


def refusal(status: int, headers: Mapping[str, str], what: str, page: str) -> ModelRetrievalError:
    """Build the error for a status that brings nothing.

    Args:
        status: The HTTP status.
        headers: The headers of the response.
        what: What was asked for.
        page: Address of the model's page.

    Returns:
        The error; ``transient`` when asking again may help.
    """
    said = _plain(headers.get("x-error-message", ""))
    if status in _BUSY:
        return HubUnreachableError(
            f"The hub is overloaded or down: it answers {status} for {what}{said}.",
            next_step="Try again later; what has arrived is kept.",
            transient=True,
            wait_s=_wait_s(headers),
        )
    kind = _CODES.get(headers.get("x-error-code", ""), status)
    if kind not in _REFUSALS:
        return HubAnswerError(f"The hub answers {status} for {what}{said}.")
    error, message, next_step = _REFUSALS[kind]
    return error(f"{message.format(what=what)} ({status}){said}.", next_step=next_step.format(page=page))


_CODES: dict[str, int | str] = {
    "RepoNotFound": 404,
    "RevisionNotFound": "revision",
    "EntryNotFound": 410,
}
_REFUSALS: dict[int | str, tuple[type[ModelRetrievalError], str, str]] = {
    404: (
        HubNotFoundError,
        "The hub has no {what}",
        ("Look at the id: {page}. A private model needs a login: run `hf auth login`, or set HF_TOKEN."),
    ),
    "revision": (
        HubNotFoundError,
        "The hub has no {what}",
        "Ask for another revision; see {page}.",
    ),
    410: (
        HubNotFoundError,
        "The hub no longer has {what}",
        "It may have been removed meanwhile; try again, or ask for another revision.",
    ),
    401: (
        GatedModelError,
        (
            "The hub wants to know who asks for {what}: the model is gated or private, or its id is wrong, "
            "or the login was not accepted"
        ),
        (
            "Accept the conditions on {page}, then log in: run `hf auth login`, or set HF_TOKEN "
            "to a valid token with read access."
        ),
    ),
    403: (
        GatedModelError,
        (
            "The hub does not let this login have {what}: the conditions were not accepted, or the request "
            "is not granted yet"
        ),
        (
            "Accept the conditions on {page} with the same account, and use a token with read "
            "access: `hf auth login`, or HF_TOKEN."
        ),
    ),
}


@contextmanager
def hub_errors(what: str, page: str, *, again: bool = False) -> Generator[None, None, None]:
    """Turn whatever an HTTP library or huggingface_hub raises into an error of ours.

    Args:
        what: What is being asked for.
        page: Address of the model's page.
        again: Whether a failed connection may work the next moment.

    Raises:
        ModelRetrievalError: For everything that was raised inside.
    """
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:  # every kind that some version of the libraries may raise
        raise _translated(error, what, page, again=again) from error


def _translated(error: Exception, what: str, page: str, *, again: bool) -> ModelRetrievalError:
    """Say what an exception of the libraries means."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    response = getattr(error, "response", None)
    if "OfflineModeIsEnabled" in kinds:
        return OfflineError(f"huggingface_hub is offline, so {what} cannot be fetched.")
    if response is not None and getattr(response, "status_code", 200) >= 300:
        return refusal(response.status_code, response.headers, what, page)
    if kinds & {"UnsupportedProtocol", "InvalidURL", "DecodingError"} or not kinds & _BROKEN:
        return HubAnswerError(f"The hub's answer about {what} makes no sense ({_short(error)}).")
    why, transient = _why_unreachable(error, kinds, again=again)
    return HubUnreachableError(f"{_origin(page)} cannot be reached for {what}: {why}.", transient=transient)


def _origin(page: str) -> str:
    """The address of a hub, without the rest."""
    parts = urlsplit(page)
    return f"{parts.scheme}://{parts.netloc}"


def _why_unreachable(error: Exception, kinds: set[str], *, again: bool) -> tuple[str, bool]:
    """Say why there is no connection, and whether the next moment may bring one."""
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return f"its certificate is not trusted ({_short(error)})", False
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return "its name cannot be resolved (is there a network?)", again
    if "ProxyError" in kinds:
        return f"the proxy refuses ({_short(error)})", False
    if "TimeoutException" in kinds:
        return "it does not answer", True
    return f"the connection failed ({_short(error)})", again or "ConnectError" not in kinds


def _causes(error: BaseException) -> Generator[BaseException, None, None]:
    """The error and what led to it, at most ten deep."""
    for _ in range(10):
        yield error
        if (cause := error.__cause__ or error.__context__) is None:
            return
        error = cause


def _range_start(headers: Mapping[str, str]) -> int:
    """Offset at which a partial body says it begins; -1 when it does not say."""
    match = re.match(r"bytes\s+(\d+)-", headers.get("content-range", ""))
    return int(match[1]) if match else -1


def _wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the hub asks to wait."""
    stated = headers.get("retry-after", "").strip()
    return float(stated) if re.fullmatch(r"\d{1,6}", stated) else None


def _plain(text: str) -> str:
    """A message of the hub, made safe and short, as the continuation of ours."""
    clean = "".join(letter for letter in text if letter.isprintable())[:200].rstrip(".")
    return f": {clean}" if clean else ""


def _short(error: BaseException) -> str:
    """An exception in one line."""
    text = _LOGIN.sub("Bearer ...", " ".join(str(error).split()))[:200].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
