"""A hub that misbehaves: a clear error of ours or a correct package, never a wrong model."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from models import packages
from models.cards import ModelCard
from models.errors import (
    CorruptedModelPackageError,
    FileHashMismatchError,
    InvalidParameterError,
    WorkbenchError,
)
from models.packages import (
    ModelPackage,
    download_package,
    is_installed,
    models_root,
    package_path,
    plan_download,
)
from models.packaging import folder as download_folder
from models.packaging.hub_answers import hub_errors
from models.packaging.hub_errors import (
    DiskFullError,
    DownloadStoppedError,
    FolderNotWritableError,
    GatedModelError,
    HubAnswerError,
    HubNotFoundError,
    HubUnreachableError,
    ModelRetrievalError,
    OfflineError,
    RevisionMismatchError,
)
from tests.hub.server import Answer, as_json, git_oid, page, refused, safetensors, sha256, sibling

CARD = ModelCard(model_id="org/tiny", architecture="clip", task_type="embedding")
WEIGHTS = safetensors(200_000)
FILES = {"config.json": b'{"model_type": "clip"}', "vocab.txt": b"a\nb\n", "model.safetensors": WEIGHTS}
API = "^/api/models/org/tiny"
CONFIG = "/resolve/.*config.json"
CDN = "^/model.safetensors/"


@pytest.fixture
def commit(hub):
    return hub.commit("org/tiny", FILES)


def listing(hub, **changes):
    """Let the hub list other things than it has."""
    name = "org/tiny"
    commit = hub.branches[name]["main"]
    document = {"id": name, "sha": commit, "siblings": [sibling(*one) for one in FILES.items()], **changes}
    hub.rule(API, lambda _: as_json(document))


def refuses(kind, match, card=CARD, **options):
    """Expect an error of ours with a next step, and no package."""
    with pytest.raises(WorkbenchError, match=match) as caught:
        download_package(card, **options)
    assert isinstance(caught.value, kind), repr(caught.value)
    assert not package_path(card).exists()
    for secret in ("Traceback", "httpx"):
        assert secret not in str(caught.value)
    return caught.value


def good(package):
    """Every byte is what was committed."""
    for path, content in FILES.items():
        assert package.file(path).read_bytes() == content
    package.verify(full=True)


# --- answers of the API


@pytest.mark.parametrize(
    "answer",
    [
        page(),
        as_json([]),
        as_json({}),
        as_json({"id": "org/tiny"}),
        as_json({"id": "org/tiny", "sha": "main", "siblings": []}),
        as_json({"id": "org/tiny", "sha": 7, "siblings": []}),
        as_json({"id": None, "sha": "a" * 40, "siblings": [{"name": "x"}]}),
        as_json("nonsense"),
        as_json(None),
        Answer(200, {}, b'{"id": "org/tiny", '),
        Answer(200, {"Content-Encoding": "gzip"}, b"no gzip"),
        Answer(200, {}, b"[" * 100_000),
        Answer(204),
        Answer(418, {}, b"tea"),
        Answer(302, {}),
    ],
    ids=range(15),
)
def test_api__nonsense_is_told(hub, commit, answer):
    hub.rule(API, lambda _: answer)
    refuses(ModelRetrievalError, "org/tiny|hub|connection")


def test_api__without_sizes_the_tree_is_asked(hub, commit):
    listing(hub, siblings=[{"rfilename": path} for path in FILES])
    hub.rules.append(lambda request, _: hub.honest(request) if "/tree/" in request.path else None)
    good(download_package(CARD))


def test_api__of_a_mirror_that_lists_names_only(hub, commit):
    listing(hub, siblings=[{"rfilename": path} for path in FILES])
    hub.rule("/tree/", lambda _: refused(404, "", "no such path"))
    plan = plan_download(CARD)
    assert {file.path: file.size for file in plan.files} == {path: len(FILES[path]) for path in FILES}
    assert plan.files[-1].sha256 == sha256(WEIGHTS)
    good(download_package(CARD))


def test_api__texts_without_a_checksum_are_held_to_size_and_form(hub, commit):
    listing(hub, siblings=[{"rfilename": path} for path in FILES])
    hub.rule("/tree/", lambda _: refused(404, "", "no such path"))
    hub.rules.append(
        lambda request, answer: (
            replace(answer, headers={**answer.headers, "ETag": '"v1"'})
            if request.path.endswith(".json")
            else None
        )
    )
    plan = plan_download(CARD)
    assert [file.verifiable for file in plan.files] == [
        not file.path.endswith(".json") for file in plan.files
    ]
    good(download_package(CARD))


def test_api__no_checksum_is_no_package(hub, commit):
    def bare(request, answer):
        if "/tree/" in request.path:
            return as_json([{"type": "file", "path": path, "size": 3, "oid": ""} for path in FILES])
        return None

    listing(hub, siblings=[{"rfilename": path, "size": 3} for path in FILES])
    hub.rules.append(bare)
    hub.rules.append(
        lambda request, answer: (
            replace(answer, headers={"X-Repo-Commit": commit, "ETag": '"1"'})
            if request.method == "HEAD"
            else None
        )
    )
    refuses(HubAnswerError, "no checksum")


@pytest.mark.parametrize(
    "path",
    [
        "../config.json",
        "a/../../config.json",
        "/etc/config.json",
        "..\\config.json",
        "C:\\config.json",
        "\\\\host\\config.json",
        "con.json",
        "LPT1.txt",
        "a\u0000.json",
        "new\nline.json",
        "x" * 300 + ".json",
        "name .json ",
        "pipe|.json",
        "config.json/x.json",
        "CONFIG.json",
        "\uff43onfig.json",
        "config.json",
        "",
    ],
)
def test_names__that_cannot_be_files_end_it_before_the_first_byte(hub, commit, path):
    card = replace(CARD, file_patterns=("*.json*", "*/*.json", "*.txt", "*.safetensors"))
    listing(hub, siblings=[sibling(*one) for one in [*FILES.items(), (path, b"{}")]])
    refuses(HubAnswerError, "hub lists", card)
    assert hub.got("/resolve/") == []
    assert not models_root().exists()


def test_names__our_own_and_hidden_ones_are_left_out(hub):
    extra = {"manifest.json": b'{"schema": 1}', ".hidden.json": b"{}", "vocab.txt.incomplete": b"x"}
    hub.commit("org/tiny", {**FILES, **extra, "model.py": b"import os"})
    package = download_package(replace(CARD, file_patterns=("*", "*.safetensors")))
    assert {file.path for file in package.manifest.files} == set(FILES)
    assert package.manifest.architecture == "clip"


@pytest.mark.parametrize("size", [-1, 2**60, "12", None, 1.5, True])
def test_sizes__that_cannot_be(hub, commit, size):
    bad = {**sibling("vocab.txt", b"a\nb\n"), "size": size}
    listing(
        hub, siblings=[bad, *(sibling(path, FILES[path]) for path in ("config.json", "model.safetensors"))]
    )
    hub.rule("/tree/", lambda _: as_json([]))
    refuses(ModelRetrievalError, "vocab.txt|offers|org/tiny")


def test_sizes__too_many_files(hub):
    hub.commit("org/tiny", {**FILES, **{f"{number}.json": b"{}" for number in range(600)}})
    refuses(HubAnswerError, "603 files")


def test_id__of_another_model(hub, commit):
    listing(hub, id="other/model")
    refuses(HubAnswerError, "'other/model' when asked for 'org/tiny'")


def test_commit__the_pinned_one_is_not_given(hub, commit):
    listing(hub)
    refuses(RevisionMismatchError, "b" * 40, replace(CARD, revision="b" * 40))


def test_commit__a_file_of_another_one(hub, commit):
    hub.rule(CONFIG, lambda answer: replace(answer, headers={**answer.headers, "X-Repo-Commit": "c" * 40}))
    refuses(HubAnswerError, "c" * 40)


def test_api__a_text_without_a_checksum_that_changes_in_between(hub, commit):
    def plain(request, answer):
        if request.path.startswith("/api/") and "/tree/" not in request.path:
            names = [{"rfilename": name} for name in FILES]
            return as_json({"id": "org/tiny", "sha": commit, "siblings": names})
        if "/tree/" in request.path:
            return refused(404, "", "Not found")
        if "vocab.txt" not in request.path:
            return None
        body = b"b\na\n" if request.method == "GET" else answer.body
        return replace(answer, body=body, headers={**answer.headers, "ETag": f'"{request.method}"'})

    hub.rules.append(plain)
    with pytest.raises(HubAnswerError, match="another version of vocab"):
        download_package(CARD)
    assert not is_installed(CARD)


def test_commit__the_head_of_a_file_of_another_one(hub, commit):
    def names_only(request, answer):
        if request.path.startswith("/api/") and "/tree/" not in request.path:
            return as_json(
                {"id": "org/tiny", "sha": commit, "siblings": [{"rfilename": name} for name in FILES]}
            )
        if "/tree/" in request.path:
            return refused(404, "", "Not found")
        if request.method == "HEAD":
            return replace(answer, headers={**answer.headers, "X-Repo-Commit": "f" * 40})
        return replace(answer, headers={k: v for k, v in answer.headers.items() if k != "X-Repo-Commit"})

    hub.rules.append(names_only)
    with pytest.raises(HubAnswerError, match="of commit ffff"):
        download_package(CARD)
    assert not is_installed(CARD)


@pytest.mark.parametrize("files", [{}, {"config.json": b"{}"}, {"config.json": b"{}", "tf_model.h5": b"x"}])
def test_weights__none_that_can_be_loaded(hub, files):
    hub.commit("org/tiny", {"README.md": b"", **files})
    refuses(ModelRetrievalError, "has no model.safetensors or pytorch_model.bin")


def test_shards__one_is_missing(hub):
    files = {"config.json": b"{}", "model.safetensors.index.json": b"{}"}
    hub.commit("org/tiny", {**files, "model-00001-of-00002.safetensors": safetensors()})
    refuses(HubAnswerError, "not all of them")


def test_shards__the_index_names_others(hub):
    index = json.dumps({"weight_map": {"a": "model-00009-of-00009.safetensors"}}).encode()
    files = {"config.json": b"{}", "model.safetensors.index.json": index}
    hub.commit("org/tiny", {**files, "model-00001-of-00001.safetensors": safetensors()})
    refuses(HubAnswerError, "does not name the shards")


# --- access


def test_gated__without_and_with_a_login_that_is_not_on_the_list(hub, commit, monkeypatch):
    hub.gated = True
    error = refuses(GatedModelError, "401")
    assert "hf auth login" in error.next_step
    assert "HF_TOKEN" in error.next_step
    monkeypatch.setenv("HF_TOKEN", "hf_stranger")
    error = refuses(GatedModelError, "403")
    assert f"Accept the conditions on {hub.url}/org/tiny" in error.next_step
    monkeypatch.setenv("HF_TOKEN", "hf_friend")
    good(download_package(CARD))


def test_gated__the_login_goes_to_the_hub_and_nowhere_else(hub, commit, monkeypatch):
    hub.gated = True
    monkeypatch.setenv("HF_TOKEN", "hf_friend")
    download_package(CARD)
    seen = {one.where: one.headers.get("authorization") for one in hub.requests}
    assert seen == {"hub": "Bearer hf_friend", "cdn": None}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("path", [API, CONFIG])
def test_refusals__bare_ones_tell_about_the_login(hub, commit, status, path):
    hub.rule(path, lambda _: Answer(status, {"Content-Type": "text/html"}, b"<html>no</html>"))
    assert "hf auth login" in refuses(GatedModelError, str(status)).next_step


def test_storage__a_link_that_has_expired_is_asked_for_again(hub, commit):
    hub.rule(CDN, lambda _: Answer(403, {}, b"<Error>expired</Error>"), times=1)
    good(download_package(CARD))
    hub.commit("org/two", FILES)
    hub.rule(CDN, lambda _: Answer(403, {}, b"<Error>expired</Error>"))
    refuses(HubUnreachableError, "storage of the hub", replace(CARD, model_id="org/two"))


def test_not_found__repository_revision_and_file(hub, commit):
    refuses(HubNotFoundError, "org/nobody", replace(CARD, model_id="org/nobody"))
    refuses(HubNotFoundError, "no-such", revision="no-such")
    hub.rule("/resolve/.*vocab.txt", lambda _: refused(404, "EntryNotFound", "Entry not found"))
    refuses(HubNotFoundError, "no longer has vocab.txt")


# --- the network


def free_port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_network__nobody_there(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    error = refuses(HubUnreachableError, "cannot be reached")
    assert "HF_ENDPOINT" in error.next_step


def test_network__a_name_that_does_not_resolve(hub, monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    refuses(HubUnreachableError, "name cannot be resolved")


def test_network__no_tls_where_tls_belongs(hub, commit, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url.replace("http:", "https:"))
    refuses(HubUnreachableError, "certificate|cannot be reached")


def test_network__a_proxy_that_is_not_there(hub, commit, monkeypatch):
    from huggingface_hub.utils import close_session

    close_session()
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    try:
        refuses(HubUnreachableError, "cannot be reached")
    finally:
        close_session()


@pytest.mark.parametrize("endpoint", ["ftp://127.0.0.1", "nonsense", "http://"])
def test_network__an_address_that_is_none(hub, monkeypatch, endpoint):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    refuses(InvalidParameterError, "HF_ENDPOINT")


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("path", [API, CONFIG, CDN])
def test_busy__is_asked_again_and_then_given_up(hub, commit, status, path):
    hub.rule(path, lambda _: Answer(status, {"Retry-After": "0"}, b"busy"), times=2)
    good(download_package(CARD))
    assert len(hub.got(path)) == 3
    other = replace(CARD, model_id="org/two")
    hub.commit("org/two", FILES)
    hub.rule(path.replace("tiny", "two"), lambda _: Answer(status, {}, b"busy"))
    refuses(HubUnreachableError, str(status), other)


def test_busy__a_wait_that_is_too_long_is_not_waited_for(hub, commit):
    hub.rule(API, lambda _: Answer(429, {"Retry-After": "3600"}))
    begin = time.monotonic()
    refuses(HubUnreachableError, "429")
    assert len(hub.got(API)) == 1
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("path", [API, CONFIG, CDN])
def test_stall__nothing_comes_for_long(hub, commit, path, monkeypatch):
    impatient = replace(packages._patience(), answer_s=0.5, attempts=2)
    monkeypatch.setattr("models.packages._patience", lambda: impatient)
    hub.rule(path, lambda answer: replace(answer, piece=10, pause_s=5))
    begin = time.monotonic()
    refuses(HubUnreachableError, "sent|finish|does not answer")
    assert time.monotonic() - begin < 10


def test_stall__trickles_count_as_stalls(hub, commit):
    hub.rule(CDN, lambda answer: replace(answer, piece=1, pause_s=0.02), times=2)
    good(download_package(CARD))
    assert len(hub.got(CDN)) == 3


@pytest.mark.parametrize("length", [-1, None])
def test_cut_off__goes_on_where_it_ended(hub, commit, length):
    hub.rule(CDN, lambda answer: replace(answer, cut=70_000, length=length), times=2)
    good(download_package(CARD))
    assert [one.headers.get("range") for one in hub.got(CDN)] == [None, "bytes=70000-", "bytes=140000-"]
    assert hub.served["model.safetensors"] == len(WEIGHTS)


def test_cut_off__again_and_again_at_the_same_place(hub, commit):
    hub.rule(CDN, lambda answer: replace(answer, cut=0))
    refuses(HubUnreachableError, "model.safetensors")
    assert len(hub.got(CDN)) == 3


def test_resume__a_hub_that_sends_all_again(hub, commit):
    hub.rule(CDN, lambda answer: replace(answer, cut=70_000), times=1)
    hub.rules.append(lambda request, answer: Answer(200, {}, WEIGHTS) if answer.status == 206 else None)
    seen = []
    good(download_package(CARD, progress=seen.append))
    assert seen[-1].done_bytes == seen[-1].total_bytes


@pytest.mark.parametrize(
    "partial",
    [
        Answer(416),
        Answer(206, {"Content-Range": "bytes 0-10/200"}, WEIGHTS),
        Answer(206, {}, WEIGHTS[70_000:]),
        Answer(206, {"Content-Range": "nonsense"}, b"x"),
        Answer(206, {"Content-Range": f"bytes 70000-{len(WEIGHTS)}", "Content-Encoding": "gzip"}, b"x"),
    ],
    ids=lambda answer: f"{answer.status}-{answer.headers}",
)
def test_resume__answers_that_make_no_sense_begin_again(hub, commit, partial):
    hub.rule(CDN, lambda answer: replace(answer, cut=70_000), times=1)
    hub.rules.append(lambda request, _: partial if "range" in request.headers else None)
    good(download_package(CARD))


# --- what is sent


def test_content__of_the_same_length_but_other(hub, commit):
    other = bytes(len(WEIGHTS))
    hub.rule(CDN, lambda answer: replace(answer, body=other))
    error = refuses(FileHashMismatchError, "twice with other content")
    assert isinstance(error, HubAnswerError)
    assert len(hub.got(CDN)) == 2
    assert plan_download(CARD).present_bytes == sum(map(len, FILES.values())) - len(WEIGHTS)


def test_content__wrong_once_is_fetched_again(hub, commit):
    hub.rule(CDN, lambda answer: replace(answer, body=bytes(len(WEIGHTS))), times=1)
    seen = []
    good(download_package(CARD, progress=seen.append))
    assert seen[-1].done_bytes == seen[-1].total_bytes


@pytest.mark.parametrize("path", ["config.json", "vocab.txt"])
def test_content__small_files_are_held_to_their_git_oid(hub, commit, path):
    hub.rule(f"/resolve/.*{path}", lambda answer: replace(answer, body=answer.body.replace(b"a", b"e")))
    if path == "config.json":
        hub.rule(f"/resolve/.*{path}", lambda answer: replace(answer, body=answer.body.replace(b"c", b"k")))
    refuses(FileHashMismatchError, path)


@pytest.mark.parametrize("path", [CONFIG, CDN])
@pytest.mark.parametrize(
    "change",
    [
        lambda answer: page(),
        lambda answer: replace(page(), length=None),
        lambda answer: replace(answer, body=b""),
        lambda answer: replace(answer, body=answer.body + b"more"),
        lambda answer: replace(answer, body=answer.body + b"more", length=None),
        lambda answer: replace(answer, body=answer.body[:-1]),
        lambda answer: replace(answer, length=len(answer.body) + 10, cut=len(answer.body)),
        lambda answer: replace(answer, length=len(answer.body) - 5),
        lambda answer: replace(answer, headers={**answer.headers, "Content-Encoding": "gzip"}),
        lambda answer: Answer(204),
        lambda answer: Answer(302, {"Location": ""}),
        lambda answer: Answer(302, {"Location": "file:///etc/passwd"}),
        lambda answer: Answer(302, {"Location": "http://[::1"}),
        lambda answer: Answer(307, {"Location": "/somewhere/else"}),
    ],
    ids=range(14),
)
def test_content__that_is_not_the_file(hub, commit, path, change):
    hub.rule(path, change)
    refuses(ModelRetrievalError, "hub|connection")


def test_redirects__in_circles(hub, commit):
    hub.rule(CONFIG, lambda _: Answer(302, {"Location": f"/org/tiny/resolve/{commit}/config.json"}))
    refuses(HubAnswerError, "circles")
    assert len(hub.got(CONFIG)) < 10


def test_body__in_gzip_is_unpacked_and_checked(hub, commit):
    import gzip

    packed = {"Content-Encoding": "gzip"}
    hub.rule(CDN, lambda answer: replace(answer, headers=packed, body=gzip.compress(WEIGHTS)))
    hub.rule(CONFIG, lambda answer: replace(answer, headers=packed, body=gzip.compress(FILES["config.json"])))
    good(download_package(CARD))


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("config.json", b"<!DOCTYPE html><html></html>", "web page"),
        ("config.json", b"[1]", "JSON object"),
        ("config.json", b"{", "JSON"),
        ("config.json", b"\xff\xfe{}", "JSON"),
        ("vocab.txt", b"\n<HTML><body>", "web page"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "pointer"),
        ("model.safetensors", b"<html>", "web page"),
        ("model.safetensors", b"\0" * 64, "header"),
        ("model.safetensors", WEIGHTS[:-1], "take"),
        ("model.safetensors", WEIGHTS + b"x", "take"),
        ("model.safetensors", (2**62).to_bytes(8, "little") + b"{}", "header"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"{}", "no tensor"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"[]", "table"),
    ],
)
def test_content__announced_like_this_but_no_model(hub, path, content, why):
    hub.commit("org/tiny", {**FILES, path: content})
    refuses(HubAnswerError, f"{path} is not a file of a model: .*{why}")


def test_weights__empty(hub):
    hub.commit("org/tiny", {**FILES, "model.safetensors": b""})
    refuses(HubAnswerError, "model.safetensors .* 0 bytes")


def test_weights__a_bin_that_is_no_checkpoint(hub):
    hub.commit("org/tiny", {"config.json": b"{}", "pytorch_model.bin": b"hello"})
    refuses(HubAnswerError, "no checkpoint")


# --- this machine


def test_disk__too_small_from_the_start(hub, commit, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(download_folder.shutil, "disk_usage", lambda _: usage)
    error = refuses(DiskFullError, r"200\.\d kB|195\.\d k|still to come.*1000 bytes|1,000 bytes|1\.0 kB")
    assert "EMBEDDING_WORKBENCH_MODELS" in error.next_step
    assert hub.got("/resolve/") == []


def test_disk__full_on_the_way(hub, commit, monkeypatch):
    real = Path.open

    def full(path, mode="r", *args, **kwargs):
        if path.name == "model.safetensors.incomplete" and "a" in mode:
            raise OSError(28, "No space left on device")
        return real(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    refuses(DiskFullError, "no room left")
    monkeypatch.undo()


def test_folder__read_only(hub, commit, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    refuses(FolderNotWritableError, "cannot be written: Read-only file system")


def test_folder__read_only_with_the_package_in_it(hub, commit, monkeypatch):
    package = download_package(CARD)
    for name in ("mkdir", "touch", "rename", "unlink", "write_text"):
        monkeypatch.setattr(Path, name, lambda *_, **__: pytest.fail("something was written"))
    assert download_package(CARD).directory == package.directory


def test_folder__a_file_where_the_package_belongs(hub, commit):
    home = models_root() / "org" / "tiny"
    home.parent.mkdir(parents=True)
    home.write_text("a file")
    with pytest.raises(CorruptedModelPackageError, match="is a file"):
        download_package(CARD)
    assert hub.requests == []


def test_login__is_never_part_of_a_message():
    with pytest.raises(HubAnswerError) as caught, hub_errors("it", "https://hub/org/tiny"):
        raise ValueError("Illegal header value b'Bearer hf_secret'")
    assert "hf_secret" not in str(caught.value)


def test_folder__a_file_where_it_belongs(hub, commit, tmp_path):
    (tmp_path / "models").write_text("a file")
    refuses(FolderNotWritableError, "cannot be written")


def test_partial__of_another_commit_is_not_mixed_in(hub, commit):
    hub.rule(CDN, lambda answer: replace(answer, cut=50_000))
    refuses(HubUnreachableError, "model.safetensors")
    hub.rules.clear()
    other = {**FILES, "model.safetensors": safetensors(200_000, seed=9), "vocab.txt": b"c\nd\n"}
    newer = hub.commit("org/tiny", other)
    hub.requests.clear()
    package = download_package(CARD)
    assert package.manifest.revision == newer
    assert {path: package.file(path).read_bytes() for path in other} == other
    assert [one.headers.get("range") for one in hub.got(CDN)] == [None]
    assert hub.got(CONFIG) == []  # the same in both commits


def test_partial__that_was_changed_meanwhile(hub, commit):
    hub.rule(CDN, lambda answer: replace(answer, cut=50_000))
    refuses(HubUnreachableError, "model.safetensors")
    hub.rules.clear()
    half = models_root() / "org" / ".tiny.partial"
    (half / "config.json").write_bytes(b"{'model_type': 'clip'}")
    (half / "model.safetensors.incomplete").write_bytes(b"x" * 60_000)
    (half / "surprise.bin").write_bytes(b"x")
    good(download_package(CARD))
    assert not half.exists()


def test_partial__longer_than_the_file(hub, commit):
    hub.rule(CDN, lambda answer: replace(answer, cut=50_000))
    refuses(HubUnreachableError, "model.safetensors")
    hub.rules.clear()
    half = models_root() / "org" / ".tiny.partial" / "model.safetensors.incomplete"
    half.write_bytes(b"x" * 300_000)
    good(download_package(CARD))


def test_lock__is_waited_for_until_stop(hub, commit, monkeypatch):
    import fcntl

    path = models_root() / "org" / ".tiny.lock"
    path.parent.mkdir(parents=True)
    stop = threading.Event()
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.3, stop.set).start()
        refuses(DownloadStoppedError, "stopped", stop=stop)
        monkeypatch.setattr(download_folder, "QUIET_S", 0.2)
        refuses(HubUnreachableError, "Another process")
    good(download_package(CARD))


def test_offline__before_anything_is_asked(hub, commit, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    error = refuses(OfflineError, "HF_HUB_OFFLINE")
    assert "workbench models download" in error.next_step
    assert hub.requests == []


KILLED = """
from models.cards import ModelCard
from models.packages import download_package
card = ModelCard(model_id="org/tiny", architecture="clip", task_type="embedding")
download_package(card, progress=lambda one: print(one.done_bytes, flush=True))
"""


def test_kill__in_the_middle_then_resume(hub, commit, repo_root):
    big = safetensors(2_000_000)
    hub.commit("org/tiny", {**FILES, "model.safetensors": big})
    hub.rule(CDN, lambda answer: replace(answer, piece=50_000, pause_s=0.03), times=1)
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=repo_root, env=os.environ) as child:
        timer = threading.Timer(30, child.kill)
        timer.start()
        for line in child.stdout:
            if int(line) > 500_000:
                child.kill()
                break
        timer.cancel()
    assert not is_installed(CARD)
    half = models_root() / "org" / ".tiny.partial" / "model.safetensors.incomplete"
    kept = half.stat().st_size
    assert 400_000 < kept < len(big)
    time.sleep(0.1)  # the server notices that nobody reads
    hub.served.clear()
    package = download_package(CARD)
    assert hub.got(CDN)[-1].headers["range"] == f"bytes={kept}-"
    assert sha256(package.file("model.safetensors").read_bytes()) == sha256(big)
    assert ModelPackage.open(package.directory).manifest.revision == hub.branches["org/tiny"]["main"]


def test_git_oid__is_that_of_git():
    assert git_oid(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
