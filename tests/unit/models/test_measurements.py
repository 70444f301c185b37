"""What was measured is remembered; a file that is bad, locked or contended costs time and nothing else."""

import json
import multiprocessing

import pytest

from models import measurements
from models.measurements import MEASUREMENTS_ENV, computing_on, measurements_path, recall, remember


@pytest.fixture(autouse=True)
def file(monkeypatch, tmp_path):
    path = tmp_path / "cache" / "measured.json"
    monkeypatch.setenv(MEASUREMENTS_ENV, str(path))
    monkeypatch.setattr(measurements, "_unwritten", {})
    return path


def test_measurements_path__lies_in_the_cache_unless_told(monkeypatch, tmp_path, file):
    assert measurements_path() == file
    monkeypatch.delenv(MEASUREMENTS_ENV)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert measurements_path() == tmp_path / "embedding-workbench" / "measurements.json"


def test_recall__gives_what_was_remembered_under_the_same_key():
    assert recall("pace", "cpu") is None
    remember(3.5, "pace", "cpu")
    remember({"dtype": "bfloat16"}, "pace", "cuda")
    assert recall("pace", "cpu") == 3.5
    assert recall("pace", "cuda") == {"dtype": "bfloat16"}
    assert recall("pace") is None


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", "\x00\xff", "[" * 100_000])
def test_remember__a_damaged_file_is_replaced(file, content):
    file.parent.mkdir()
    file.write_bytes(content.encode("latin-1"))
    assert recall("a") is None
    remember(1, "a")
    assert recall("a") == 1
    assert json.loads(file.read_text()) == {"a": 1}


def test_remember__where_no_file_can_be_written_it_holds_for_this_process(file):
    file.parent.write_text("a file where a folder should be")
    remember(2, "a")
    assert recall("a") == 2
    assert recall("b") is None


def test_remember__a_folder_in_its_place_does_no_harm(file):
    file.mkdir(parents=True)
    remember(2, "a")
    assert recall("a") == 2
    assert list(file.parent.iterdir()) == [file]


def test_remember__a_huge_file_is_not_read(file, monkeypatch):
    monkeypatch.setattr(measurements, "_MOST_BYTES", 10)
    remember("long enough", "a")
    assert recall("a") is None


def test_remember__the_oldest_entries_go(file, monkeypatch):
    monkeypatch.setattr(measurements, "MOST_ENTRIES", 3)
    for number in range(5):
        remember(number, f"{number}")
    assert list(json.loads(file.read_text())) == ["2", "3", "4"]


def _write(number):
    for round_ in range(10):
        remember(round_, f"process {number}")


def test_remember__of_two_processes_at_once_leaves_a_whole_file(file):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(worker.exitcode == 0 for worker in workers)
    assert set(json.loads(file.read_text())) <= {"process 0", "process 1"}
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_computing_on__names_the_part_and_torch():
    device, part, version = computing_on("cpu")
    assert device == "cpu"
    assert part
    assert version.startswith("torch ")
