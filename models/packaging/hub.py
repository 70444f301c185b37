"""Ask the hub: resolve a revision, list its files, open one of them.

The library that speaks to it is handed over by ``models.packages``, its one user.
"""

import re
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from models.packaging.hub_answers import file_stream, headed_file, hub_errors, redirected, remote_file
from models.packaging.hub_errors import HubAnswerError, HubNotFoundError, HubUnreachableError
from models.packaging.plan import RemoteFile
from models.packaging.watch import FileStream, Opener, Patience, Watch

MAX_REDIRECTS = 5
AGENT = "embedding-workbench"


@dataclass(frozen=True)
class HuggingFaceHub:
    """The hub at one address.

    Args:
        library: The package huggingface_hub.
        endpoint: Address of the hub, without a slash at the end.
        patience: How long it is waited for.
    """

    library: Any
    endpoint: str
    patience: Patience

    def listing(self, model_id: str, revision: str, watch: Watch) -> tuple[str, Sequence[RemoteFile]]:
        """Resolve a revision to its full commit and list the files of that commit.

        Args:
            model_id: The repository.
            revision: Commit, branch or tag.
            watch: Stops it.

        Returns:
            The commit, 40 hex digits, and all files.

        Raises:
            ModelRetrievalError: If the hub does not say.
        """
        what = f"{model_id} at {revision}"
        page = f"{self.endpoint}/{model_id}"
        info = self._ask(
            lambda api: api.model_info(model_id, revision=revision, files_metadata=True), what, page, watch
        )
        with hub_errors(what, page):
            commit, name = str(info.sha), str(info.id)
            files = [remote_file(one) for one in info.siblings or []]
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise HubAnswerError(f"The hub names no commit for {what}; {commit[:80]!r} came.")
        if name.lower() != model_id.lower() and revision != commit:
            raise HubAnswerError(
                f"The hub answers for {name[:80]!r} when asked for {model_id!r}.",
                next_step="If the model has moved, ask for it by its new name.",
            )
        if not all(one.verifiable for one in files) or not files:
            with suppress(HubNotFoundError):  # a mirror without this part of the API
                what = f"the files of {what}"
                files = self._ask(lambda api: _tree(api, model_id, commit), what, page, watch)
        return commit, files

    def described(self, model_id: str, commit: str, file: RemoteFile, watch: Watch) -> RemoteFile:
        """Learn size and hash of a file by itself, where the listing does not have them.

        Args:
            model_id: The repository.
            commit: The full commit.
            file: A file of it.
            watch: Stops it.

        Returns:
            The file with what the hub says about it.

        Raises:
            ModelRetrievalError: If the hub does not say.
        """
        if file.verifiable:
            return file
        url, limit_s = self._url(model_id, commit, file), self.patience.answer_s
        what, page = f"{file.path} of {model_id}", f"{self.endpoint}/{model_id}"
        head = self._ask(lambda _: self.library.get_hf_file_metadata(url, timeout=limit_s), what, page, watch)
        with hub_errors(what, page):
            _check_commit(head.commit_hash or commit, commit, what)
            return headed_file(file.path, head)

    def opener(self, model_id: str, commit: str, file: RemoteFile) -> Opener:
        """Make the function that opens a file at an offset.

        Args:
            model_id: The repository.
            commit: The full commit.
            file: A file of it.

        Returns:
            Offset -> context manager with the stream.
        """
        url = self._url(model_id, commit, file)
        page = f"{self.endpoint}/{model_id}"
        return lambda start: self._open(url, start, commit, file, f"{file.path} of {model_id}", page=page)

    def _url(self, model_id: str, commit: str, file: RemoteFile) -> str:
        """Address of a file."""
        return self.library.hf_hub_url(model_id, file.path, revision=commit, endpoint=self.endpoint)

    def _ask(self, question: Callable[[Any], Any], what: str, page: str, watch: Watch) -> Any:
        """Ask the API; an overloaded hub is asked again, for a while."""
        api = self.library.HfApi(endpoint=self.endpoint, library_name=AGENT)

        def ask() -> Any:
            """Ask once, in the thread that may hang."""
            with hub_errors(what, page):
                return question(api)

        attempts, begin_s = self.patience.attempts, time.monotonic()
        for attempt in range(1, attempts + 1):
            try:
                return watch.call(ask, self.patience.answer_s, f"the answer about {what}")
            except HubUnreachableError as error:
                wait_s = error.wait_s or self.patience.backoff_s * 2 ** (attempt - 1)
                spent_s = time.monotonic() - begin_s
                if attempt == attempts or not self.patience.allows(error, wait_s, spent_s):
                    raise
                watch.sleep(wait_s)
        raise HubUnreachableError(f"{self.endpoint} was not asked about {what}: no attempt is allowed.")

    @contextmanager
    def _open(
        self, url: str, start: int, commit: str, file: RemoteFile, what: str, *, page: str
    ) -> Generator[FileStream, None, None]:
        """Open a file; follow redirects, with the login for the hub itself only."""
        headers = {
            **self.library.utils.build_hf_headers(library_name=AGENT),
            "Accept-Encoding": "identity",
        }
        limit = self.patience
        options = {
            "timeout": (limit.connect_s, limit.stall_s, limit.stall_s, limit.connect_s),
            "follow_redirects": False,
        }
        for _ in range(MAX_REDIRECTS + 2):  # and one more for a hub that cannot resume
            ranged = {**headers, "Range": f"bytes={start}-"} if start else headers
            with (
                hub_errors(what, page, again=True),
                self.library.get_session().stream("GET", url, headers=ranged, **options) as response,
            ):
                _check_commit(response.headers.get("x-repo-commit", commit), commit, what)
                if response.status_code in (301, 302, 303, 307, 308):
                    url, headers = redirected(url, response.headers.get("location", ""), headers, what)
                    continue
                _check_storage(response, url, self.endpoint, what)
                _check_tag(response, file.etag, what)
                stream = file_stream(response, start, what, page)
                if stream is not None:
                    yield stream
                    return
                start = 0
        raise HubAnswerError(f"The hub sends the request for {what} in circles.")


def _tree(api: Any, model_id: str, commit: str) -> list[RemoteFile]:
    """List the files of a commit one by one, for hubs that do not say all at once."""
    entries = api.list_repo_tree(model_id, recursive=True, revision=commit)
    return [remote_file(one) for one in entries if hasattr(one, "size")]


def _check_commit(stated: str, commit: str, what: str) -> None:
    """See that the hub sends the commit that was asked for."""
    if stated != commit:
        raise HubAnswerError(f"The hub sends {what} of commit {stated}, not of {commit}.")


def _check_tag(response: Any, announced: str, what: str) -> None:
    """See that a file without a hash is still the one that was announced."""
    stated = response.headers.get("etag", "").lower().removeprefix("w/").strip('" ')
    if announced and stated and stated != announced:
        raise HubAnswerError(f"The hub sends another version of {what} than it announced.")


def _check_storage(response: Any, url: str, endpoint: str, what: str) -> None:
    """Tell a storage that refuses, often a link that has expired, from a hub that does."""
    if response.status_code in (401, 403, 404) and not url.startswith(f"{endpoint}/"):
        raise HubUnreachableError(
            f"The storage of the hub refuses {what} ({response.status_code}).",
            next_step="Try again later; what has arrived is kept.",
            transient=True,
        )
