"""Downloads from a hub that behaves: what arrives, what is kept, what is asked for."""

import json
import socket
import threading
import time
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from models.cards import ModelCard
from models.catalog import COMPANIONS
from models.errors import (
    CorruptedModelPackageError,
    InvalidParameterError,
    ModelNotFoundError,
    PackageNotFoundError,
)
from models.packages import (
    ModelPackage,
    download_package,
    is_installed,
    models_root,
    offline,
    plan_download,
    remove_package,
    verify_package,
)
from models.packaging.hub_errors import DownloadStoppedError, OfflineError, RevisionMismatchError
from tests.hub.server import safetensors

CARD = ModelCard(model_id="org/tiny", architecture="clip", task_type="embedding", backends=("hugging-face",))
FILES = {
    "config.json": b'{"model_type": "clip"}',
    "vocab.txt": b"a\nb\n",
    "model.safetensors": safetensors(300_000),
    "pytorch_model.bin": b"\x80\x02 other format",
    "tf_model.h5": b"other format",
    "README.md": b"about",
    "onnx/model.onnx": b"other format",
    "training_args.bin": b"\x80\x02 pickle",
}
TAKEN = ["config.json", "model.safetensors", "vocab.txt"]


@pytest.fixture
def commit(hub):
    return hub.commit("org/tiny", FILES)


def test_download__is_a_package_with_the_commit_and_one_weight_format(hub, commit):
    package = download_package(CARD)
    assert package.directory == models_root() / "org" / "tiny"
    assert [file.path for file in package.manifest.files] == TAKEN
    assert (package.manifest.revision, package.manifest.backend) == (commit, "hugging-face")
    package.verify(full=True)
    assert {path.name for path in package.directory.iterdir()} == {*TAKEN, "manifest.json"}
    assert {path.name for path in package.directory.parent.iterdir()} == {"tiny", ".tiny.lock"}


def test_download__every_file_is_asked_for_at_the_commit(hub, commit):
    download_package(CARD)
    asked = [one.path for one in hub.got("/resolve/")]
    assert sorted(path.rpartition("/")[2] for path in asked) == TAKEN
    assert all(f"/resolve/{commit}/" in path for path in asked)


def test_download__again_asks_nothing(hub, commit):
    first = download_package(CARD)
    hub.requests.clear()
    assert download_package(CARD) == first
    assert plan_download(CARD).installed
    assert hub.requests == []


def test_plan__sizes_before_the_first_byte(hub, commit):
    plan = plan_download(CARD)
    assert (plan.revision, plan.installed, plan.present_bytes) == (commit, False, 0)
    assert plan.total_bytes == sum(len(FILES[path]) for path in TAKEN)
    assert hub.got("/resolve/") == []
    assert not models_root().exists()


def test_progress__total_known_from_the_start_and_reached(hub, commit):
    seen = []
    hub.rule("/model.safetensors/", lambda answer: replace(answer, piece=30_000, pause_s=0.03))
    download_package(CARD, progress=seen.append)
    total = plan_download(CARD).total_bytes
    assert {one.total_bytes for one in seen} == {total}
    assert (seen[0].done_bytes, seen[-1].done_bytes) == (0, total)
    done = [one.done_bytes for one in seen]
    assert done == sorted(done)
    assert len(done) > 2
    assert {one.file for one in seen[1:-1]} <= set(TAKEN)


def test_branch__that_moves_during_the_download_changes_nothing(hub, commit):
    moved = []

    def move(answer):
        moved.append(hub.commit("org/tiny", {**FILES, "vocab.txt": b"other words\n"}))
        return answer

    hub.rule("/resolve/.*config.json", move, times=1)
    package = download_package(CARD)
    assert moved
    assert package.manifest.revision == commit != moved[0]
    assert package.file("vocab.txt").read_bytes() == FILES["vocab.txt"]


def test_unpinned__later_downloads_hold_to_the_first_commit(hub, commit):
    package = download_package(CARD)
    hub.commit("org/tiny", {**FILES, "vocab.txt": b"other words\n"})
    assert download_package(CARD).manifest.revision == commit
    package.file("vocab.txt").unlink()
    assert not is_installed(CARD)
    mended = download_package(CARD)
    assert mended.manifest.revision == commit
    assert mended.file("vocab.txt").read_bytes() == FILES["vocab.txt"]


def test_pinned__another_commit_is_refused(hub, commit):
    other = hub.commit("org/tiny", {**FILES, "vocab.txt": b"other words\n"})
    assert download_package(replace(CARD, revision=commit)).manifest.revision == commit
    with pytest.raises(RevisionMismatchError, match=f"{commit}.*{other}.*wanted") as caught:
        download_package(replace(CARD, revision=other))
    assert "workbench models remove org/tiny" in caught.value.next_step
    with pytest.raises(RevisionMismatchError):
        download_package(CARD, revision="main")
    assert download_package(CARD, revision=commit[:8]).manifest.revision == commit


def test_revision__by_name_is_resolved(hub, commit):
    other = hub.commit("org/tiny", {**FILES, "vocab.txt": b"other words\n"}, branch="refs/pr/1")
    assert download_package(CARD, revision="refs/pr/1").manifest.revision == other


def test_shards__come_with_their_index(hub):
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = json.dumps({"weight_map": {"a": names[0], "b": names[1]}}).encode()
    files = {"config.json": b"{}", "model.safetensors.index.json": index}
    hub.commit("org/tiny", {**files, **{name: safetensors(64, seed) for seed, name in enumerate(names)}})
    package = download_package(CARD)
    assert {file.path for file in package.manifest.files} == {*files, *names}


def test_companions__are_packages_of_their_own(hub, commit, monkeypatch):
    needs = replace(COMPANIONS["google-bert/bert-large-uncased"], model_id="org/words", revision="")
    monkeypatch.setitem(COMPANIONS, "org/words", needs)
    hub.commit("org/words", {"vocab.txt": b"words\n", "model.safetensors": safetensors()})
    card = replace(CARD, needs=("org/words",))
    seen = []
    plan = plan_download(card)
    assert plan.total_bytes == sum(len(FILES[path]) for path in TAKEN) + 6
    assert ("needs", "org/words") in plan.rows()
    download_package(card, progress=seen.append)
    assert seen[-1].done_bytes == seen[-1].total_bytes == plan.total_bytes
    words = ModelPackage.open(models_root() / "org" / "words")
    assert [file.path for file in words.manifest.files] == ["vocab.txt"]
    assert is_installed(card)
    remove_package("org/words")
    assert is_installed(CARD)
    assert not is_installed(card)
    download_package(card)
    assert is_installed(card)


def test_model_dir__argument_before_environment(hub, commit, tmp_path):
    package = download_package(CARD, model_dir=tmp_path / "elsewhere")
    assert package.directory == tmp_path / "elsewhere" / "org" / "tiny"
    assert not is_installed(CARD)
    assert is_installed(CARD, tmp_path / "elsewhere")


def test_stop__ends_it_and_keeps_what_is_there(hub, commit):
    stop, seen = threading.Event(), []

    def watch(progress):
        seen.append(progress)
        if progress.done_bytes > 100_000:
            stop.set()

    hub.rule("/model.safetensors/", lambda answer: replace(answer, piece=20_000, pause_s=0.05), times=1)
    with pytest.raises(DownloadStoppedError, match="is kept"):
        download_package(CARD, progress=watch, stop=stop)
    assert not is_installed(CARD)
    present = plan_download(CARD).present_bytes
    assert present > 100_000
    download_package(CARD)
    start = present - len(FILES["config.json"]) - len(FILES["vocab.txt"])
    assert hub.got("/model.safetensors/")[-1].headers["range"] == f"bytes={start}-"


@pytest.mark.parametrize("path", ["/api/models/", "/resolve/.*config.json"])
def test_stop__is_quick_while_the_hub_says_nothing(hub, commit, path):
    stop = threading.Event()
    hub.rule(path, lambda answer: time.sleep(3) or answer)
    threading.Timer(0.2, stop.set).start()
    begin = time.monotonic()
    with pytest.raises(DownloadStoppedError):
        download_package(CARD, stop=stop)
    assert time.monotonic() - begin < 2.0


def test_download__connects_to_the_hub_and_its_storage_only(hub, commit, monkeypatch):
    reached = []
    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda *to: reached.append(to[1]) or connect(*to))
    download_package(CARD)
    there = {urlsplit(url).port for url in (hub.url, hub.cdn_url)}
    assert {address[1] for address in reached} == there
    assert all("org/tiny" in one.path for one in hub.requests if one.where == "hub")


def test_offline__is_read_when_used_and_opens_no_socket(hub, commit, monkeypatch):
    package = download_package(CARD)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a socket was opened"))
    hub.requests.clear()
    assert offline()
    assert download_package(CARD) == package
    assert is_installed(CARD)
    assert verify_package(CARD, full=True).ok
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE"):
        download_package(replace(CARD, model_id="org/other"))
    assert hub.requests == []
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert not offline()


def test_folder__that_is_no_package_is_left_alone(hub, commit):
    mine = models_root() / "org" / "tiny"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    with pytest.raises(CorruptedModelPackageError, match="no manifest"):
        download_package(CARD)
    assert (mine / "notes.txt").read_text() == "mine"


def test_known_answers__of_the_same_version_are_kept_when_it_is_mended(hub, commit):
    package = download_package(CARD)
    path = package.directory / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["known_answers"] = [{"kind": "text", "text": "a"}]
    path.write_text(json.dumps(manifest))
    package.file("vocab.txt").write_text("cut")
    assert download_package(CARD).manifest.known_answers == ({"kind": "text", "text": "a"},)


def test_verify_package__names_each_problem(hub, commit):
    package = download_package(CARD)
    assert verify_package(CARD).ok
    package.file("vocab.txt").write_bytes(b"x\ny\n")
    (package.directory / "extra.bin").write_bytes(b"x")
    package.file("config.json").unlink()
    assert verify_package(CARD).rows() == [
        ("missing", "config.json"),
        ("not listed", "extra.bin"),
        ("ok", "model.safetensors"),
        ("ok", "vocab.txt"),
    ]
    report = verify_package(CARD, full=True)
    assert not report.ok
    assert ("other content", "vocab.txt") in report.rows()
    assert "org/tiny is damaged" in str(report)
    assert "other content" in report._repr_html_()


def test_remove_package__frees_everything_of_the_model(hub, commit):
    package = download_package(CARD)
    exported = package.directory.with_name("tiny--onnx")
    exported.mkdir()
    (exported / "manifest.json").write_text("{}")
    half = package.directory.with_name(".tiny.partial")
    half.mkdir()
    (half / "x.incomplete").write_bytes(b"12345")
    assert remove_package(CARD) >= package.size_bytes + 7
    assert [path.name for path in package.directory.parent.iterdir()] == [".tiny.lock"]
    with pytest.raises(PackageNotFoundError, match="Nothing of org/tiny"):
        remove_package(CARD)


def test_remove_package__only_what_was_downloaded():
    with pytest.raises(InvalidParameterError, match="bundled"):
        remove_package("workbench/spriteclip-tiny")


def test_remove_package__a_link_loses_its_name_only(hub, commit, tmp_path):
    package = download_package(CARD)
    package.directory.rename(tmp_path / "kept")
    package.directory.symlink_to(tmp_path / "kept")
    remove_package(CARD)
    assert (tmp_path / "kept" / "manifest.json").is_file()


def test_model__unknown_or_no_model_at_all():
    with pytest.raises(ModelNotFoundError, match="'org/nobody'"):
        plan_download("org/nobody")
    with pytest.raises(InvalidParameterError, match="3 came"):
        is_installed(3)
    with pytest.raises(InvalidParameterError, match="cannot be the id"):
        plan_download(replace(CARD, model_id="../x"))


def test_plan__of_a_model_that_is_not_on_the_hub(hub):
    with pytest.raises(InvalidParameterError, match="only models of the hub"):
        plan_download(replace(CARD, source="registered"))
    assert hub.requests == []
    assert plan_download("workbench/spriteclip-tiny").installed


def test_bundled__needs_no_download():
    assert is_installed("workbench/spriteclip-tiny")
    assert download_package("workbench/spriteclip-tiny").manifest.architecture == "spriteclip"


def test_two_downloads_at_once__the_second_uses_the_first(hub, commit):
    hub.rule("/model.safetensors/", lambda answer: replace(answer, piece=60_000, pause_s=0.05))
    results, last = [], []

    def run():
        results.append(download_package(CARD, progress=last.append))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len({one.directory for one in results}) == 1
    assert len(results) == 3
    assert hub.served["model.safetensors"] == len(FILES["model.safetensors"])
    assert last[-1].done_bytes == last[-1].total_bytes
