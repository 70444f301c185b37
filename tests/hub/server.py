"""A small hub on 127.0.0.1: the paths that huggingface_hub uses, honest unless told otherwise.

``hub.rules`` are functions ``(request, answer) -> answer or None`` that see every honest answer
before it is sent; each test plants its misbehaviour with one of them. Large files are redirected
to a second server, the CDN, as the real hub does.
"""

import contextlib
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

LFS_ENDINGS = (".safetensors", ".bin", ".pt", ".model")


@dataclass(frozen=True)
class Request:
    """What came: ``where`` is "hub" or "cdn"."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    where: str


@dataclass(frozen=True)
class Answer:
    """What is sent. ``cut`` ends the connection after so many bytes of the body; ``pause_s`` is waited for
    between pieces of ``piece`` bytes; ``length`` overrides the Content-Length (None leaves it out)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None
    piece: int = 65536
    pause_s: float = 0.0
    length: int | None = -1


Rule = Callable[[Request, Answer], Answer | None]


def git_oid(content: bytes) -> str:
    """Object id of a blob in git."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    """The hash that LFS names files by."""
    return hashlib.sha256(content).hexdigest()


def safetensors(size: int = 4096, seed: int = 1) -> bytes:
    """A safetensors file with one tensor of ``size`` bytes."""
    header = {"weight": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    raw = json.dumps(header).encode()
    data = bytes((seed * 31 + place * 7) % 251 for place in range(min(size, 4096)))
    return len(raw).to_bytes(8, "little") + raw + (data * (size // max(len(data), 1) + 1))[:size]


class FakeHub:
    """Repositories, and two servers for them.

    ``repos`` is id -> commit -> path -> content; ``branches`` is id -> name -> commit.
    """

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.branches: dict[str, dict[str, str]] = {}
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.served: Counter[str] = Counter()  # path in the repository -> bytes of bodies sent
        self.gated = False
        self.closing = threading.Event()
        self._servers = {name: self._serve(name) for name in ("hub", "cdn")}

    @property
    def url(self) -> str:
        """Address of the hub."""
        return f"http://127.0.0.1:{self._servers['hub'].server_port}"

    @property
    def cdn_url(self) -> str:
        """Address of the server for large files."""
        return f"http://127.0.0.1:{self._servers['cdn'].server_port}"

    def commit(self, model_id: str, files: dict[str, bytes], branch: str = "main") -> str:
        """Put files under a new commit, and a branch on it."""
        text = json.dumps([model_id, *([path, git_oid(content)] for path, content in sorted(files.items()))])
        commit = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self.repos.setdefault(model_id, {})[commit] = dict(files)
        self.branches.setdefault(model_id, {})[branch] = commit
        return commit

    def close(self) -> None:
        """Stop both servers; connections that are open are let go."""
        self.closing.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def rule(self, pattern: str, change: Callable[[Answer], Answer], *, times: int = 10**9) -> None:
        """Change the GET answers for paths that match, so many times."""
        left = [times]

        def apply(request: Request, answer: Answer) -> Answer | None:
            if request.method != "GET" or not re.search(pattern, request.path) or not left[0]:
                return None
            left[0] -= 1
            return change(answer)

        self.rules.append(apply)

    def got(self, pattern: str) -> list[Request]:
        """GET requests whose path matches."""
        return [one for one in self.requests if one.method == "GET" and re.search(pattern, one.path)]

    def honest(self, request: Request) -> Answer:
        """Answer as the real hub does."""
        if request.where == "cdn":
            return self._content(request, self._by_sha(request.path.rpartition("/")[2]), {})
        match = re.match(r"^/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?$", request.path)
        if match:
            return self._api(request, match[1], match[2] or "revision", unquote(match[3] or "main"))
        match = re.match(r"^/([^/]+/[^/]+)/resolve/([^/]+)/(.+)$", request.path)
        if match:
            return self._resolve(request, match[1], unquote(match[2]), unquote(match[3]))
        return refused(404, "", "Not found")

    def _find(self, model_id: str, revision: str) -> tuple[str, dict[str, bytes]] | Answer:
        commits = self.repos.get(model_id)
        if commits is None:
            return refused(404, "RepoNotFound", "Repository not found")
        commit = self.branches[model_id].get(revision, revision)
        full = [one for one in commits if one.startswith(commit)]
        return (full[0], commits[full[0]]) if full else refused(404, "RevisionNotFound", "Invalid rev id")

    def _api(self, request: Request, model_id: str, kind: str, revision: str) -> Answer:
        found = self._find(model_id, revision)
        if isinstance(found, Answer):
            return found
        commit, files = found
        if kind == "tree":
            return as_json([tree_entry(path, content) for path, content in files.items()])
        blobs = "blobs" in request.query
        siblings = [sibling(path, content, blobs=blobs) for path, content in files.items()]
        gated = "manual" if self.gated else False
        return as_json({"id": model_id, "sha": commit, "gated": gated, "siblings": siblings})

    def _resolve(self, request: Request, model_id: str, revision: str, path: str) -> Answer:
        found = self._find(model_id, revision)
        if isinstance(found, Answer):
            return found
        commit, files = found
        if self.gated and request.headers.get("authorization") != "Bearer hf_friend":
            status = 403 if request.headers.get("authorization") else 401
            return refused(status, "GatedRepo", f"Access to model {model_id} is restricted.")
        if path not in files:
            return refused(404, "EntryNotFound", "Entry not found")
        content = files[path]
        headers = {"X-Repo-Commit": commit}
        if not path.endswith(LFS_ENDINGS):
            return self._content(request, content, {**headers, "ETag": f'"{git_oid(content)}"'})
        linked = {
            "X-Linked-Etag": f'"{sha256(content)}"',
            "X-Linked-Size": str(len(content)),
            "Location": f"{self.cdn_url}/{quote(path)}/{sha256(content)}",
        }
        return Answer(302, {**headers, **linked})

    def _by_sha(self, wanted: str) -> bytes:
        contents = (
            one for commits in self.repos.values() for files in commits.values() for one in files.values()
        )
        return next(content for content in contents if sha256(content) == wanted)

    @staticmethod
    def _content(request: Request, content: bytes, headers: dict[str, str]) -> Answer:
        match = re.match(r"bytes=(\d+)-$", request.headers.get("range", ""))
        if not match:
            return Answer(200, {**headers, "Accept-Ranges": "bytes"}, content)
        start = int(match[1])
        if start >= len(content):
            return Answer(416, {"Content-Range": f"bytes */{len(content)}"})
        span = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return Answer(206, {**headers, "Content-Range": span}, content[start:])

    def _serve(self, where: str) -> ThreadingHTTPServer:
        server = _Server(("127.0.0.1", 0), _handler(self, where))
        threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
        return server


def sibling(path: str, content: bytes, *, blobs: bool = True) -> dict[str, Any]:
    """One file as ``/api/models/...?blobs=true`` lists it."""
    entry: dict[str, Any] = {"rfilename": path}
    if blobs:
        entry |= {"size": len(content), "blobId": git_oid(content)}
        if path.endswith(LFS_ENDINGS):
            entry["lfs"] = {"size": len(content), "sha256": sha256(content), "pointerSize": 134}
    return entry


def tree_entry(path: str, content: bytes) -> dict[str, Any]:
    """One file as ``/api/models/.../tree/...`` lists it."""
    entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": git_oid(content)}
    if path.endswith(LFS_ENDINGS):
        entry["lfs"] = {"size": len(content), "oid": sha256(content), "pointerSize": 134}
    return entry


def as_json(document: Any) -> Answer:
    """An answer of the API."""
    return Answer(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def refused(status: int, code: str, message: str) -> Answer:
    """A refusal, with the hub's own headers."""
    headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
    return replace(as_json({"error": message}), status=status, headers=headers)


def page(text: str = "<!DOCTYPE html><html><body>Please log in</body></html>") -> Answer:
    """A web page where a file or JSON belongs."""
    return Answer(200, {"Content-Type": "text/html"}, text.encode())


@contextlib.contextmanager
def running_hub() -> Iterator[FakeHub]:
    """A hub for the length of a test."""
    hub = FakeHub()
    try:
        yield hub
    finally:
        hub.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are what is being tested."""


def _handler(hub: FakeHub, where: str) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"hub": hub, "where": where})


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    where: str
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits for the other side to confirm its head

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, parse_qs(parts.query), headers, self.where)
        self.hub.requests.append(request)
        answer = self.hub.honest(request)
        for rule in self.hub.rules:
            answer = rule(request, answer) or answer
        self._send(request, answer)

    do_HEAD = do_GET  # noqa: N815

    def _send(self, request: Request, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.length == -1 else answer.length
        if length is None:
            self.close_connection = True
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "GET":
            self._send_body(request, answer)

    def _send_body(self, request: Request, answer: Answer) -> None:
        body = answer.body if answer.cut is None else answer.body[: answer.cut]
        parts = unquote(request.path).split("/")
        name = parts[1] if self.where == "cdn" else parts[-1]
        for start in range(0, len(body), answer.piece):
            piece = body[start : start + answer.piece]
            self.wfile.write(piece)
            self.hub.served[name] += len(piece)
            if answer.pause_s and self.hub.closing.wait(answer.pause_s):
                break
        if answer.cut is not None:
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
