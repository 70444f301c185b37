import logging

import pytest

from workbench.widgets import uploader as module
from workbench.widgets.uploader import MAX_CHUNK_BYTES, MAX_OPEN_FILES, Uploader


@pytest.fixture
def uploader(tmp_path):
    return Uploader(tmp_path, max_bytes=10_000_000)


def message(op, upload_id="u-1", **fields):
    return {"kind": "upload", "id": upload_id, "op": op, **fields}


def send_file(comm, name, data, upload_id="u-1", chunk=4):
    comm.receive(message("start", upload_id, name=name, size=len(data)))
    for offset in range(0, len(data), chunk):
        comm.receive(message("chunk", upload_id, offset=offset), [data[offset : offset + chunk]])


def ops(comm):
    return [content["op"] for content, _ in comm.sent]


def test_upload__chunks_are_acknowledged_in_order(uploader, comm_of, tmp_path):
    comm, arrived = comm_of(uploader), []
    uploader.on_file(lambda name, path: arrived.append((name, path)))
    send_file(comm, "ball.mp4", b"0123456789")
    assert ops(comm) == ["ready", "ack", "ack", "ack", "done"]
    assert [c["received"] for c, _ in comm.sent if c["op"] == "ack"] == [4, 8, 10]
    assert arrived == [("ball.mp4", tmp_path / "ball.mp4")]
    assert (tmp_path / "ball.mp4").read_bytes() == b"0123456789"


def test_upload__empty_file_arrives(uploader, comm_of, tmp_path):
    comm = comm_of(uploader)
    send_file(comm, "empty.mp4", b"")
    assert ops(comm) == ["done"]
    assert (tmp_path / "empty.mp4").read_bytes() == b""


def test_upload__same_name_twice(uploader, comm_of, tmp_path):
    comm = comm_of(uploader)
    send_file(comm, "a.mp4", b"one")
    send_file(comm, "a.mp4", b"two", "u-2")
    assert comm.last["name"] == "a (2).mp4"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a (2).mp4", "a.mp4"]


def test_upload__names_cannot_leave_the_folder(uploader, comm_of, tmp_path):
    comm = comm_of(uploader)
    send_file(comm, "../../evil.mp4", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["evil.mp4"]


def test_upload__two_at_once_do_not_mix(uploader, comm_of, tmp_path):
    comm = comm_of(uploader)
    for upload_id in ("u-1", "u-2"):
        comm.receive(message("start", upload_id, name="a.mp4", size=4))
    for offset, (first, second) in enumerate(zip(b"aaaa", b"bbbb", strict=True)):
        comm.receive(message("chunk", "u-1", offset=offset), [bytes([first])])
        comm.receive(message("chunk", "u-2", offset=offset), [bytes([second])])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a.mp4": b"aaaa", "a (2).mp4": b"bbbb"}


def test_batch__once_with_the_paths_that_arrived(uploader, comm_of):
    comm, batches = comm_of(uploader), []
    uploader.on_batch(lambda paths: batches.append([p.name for p in paths]))
    send_file(comm, "a.mp4", b"one")
    send_file(comm, "b.mp4", b"two", "u-2")
    comm.receive(message("batch", "u-batch"))
    comm.receive(message("batch", "u-batch"))
    assert batches == [["a.mp4", "b.mp4"]]


def test_cancel__removes_what_arrived(uploader, comm_of, tmp_path):
    comm = comm_of(uploader)
    comm.receive(message("start", name="a.mp4", size=8))
    comm.receive(message("chunk", offset=0), [b"0123"])
    comm.receive(message("cancel"))
    comm.receive(message("chunk", offset=4), [b"4567"])  # was under way
    assert list(tmp_path.iterdir()) == []
    assert ops(comm) == ["ready", "ack"]


def test_close__removes_half_arrived_files(uploader, comm_of, tmp_path):
    comm = comm_of(uploader)
    comm.receive(message("start", name="a.mp4", size=8))
    uploader.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "a.mp4", "size": 10_000_001}, "Too large: 9.5 MB; at most 9.5 MB."),
        ({"name": "a.mp4", "size": -1}, "without a name and a size"),
        ({"name": "a.mp4", "size": True}, "without a name and a size"),
        ({"name": "a.mp4", "size": "3"}, "without a name and a size"),
        ({"name": None, "size": 3}, "without a name and a size"),
        ({}, "without a name and a size"),
    ],
)
def test_start__refuses_in_words(uploader, comm_of, tmp_path, fields, words):
    comm = comm_of(uploader)
    comm.receive(message("start", **fields))
    assert comm.last["op"] == "error"
    assert words in comm.last["error"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("offset", "buffers"), [(3, [b"x"]), (0, [b"123456789"]), (0, []), (None, [b"x"]), (0, [b"x", b"y"])]
)
def test_chunk__out_of_place_ends_the_file(uploader, comm_of, tmp_path, offset, buffers):
    comm = comm_of(uploader)
    comm.receive(message("start", name="a.mp4", size=8))
    comm.receive(message("chunk", offset=offset), buffers)
    assert comm.last["op"] == "error"
    assert list(tmp_path.iterdir()) == []


def test_chunk__too_long_ends_the_file(uploader, comm_of):
    comm = comm_of(uploader)
    comm.receive(message("start", name="a.mp4", size=9_000_000))
    comm.receive(message("chunk", offset=0), [bytes(MAX_CHUNK_BYTES + 1)])
    assert "too long" in comm.last["error"]


@pytest.mark.parametrize("content", ["x", {"kind": "media"}, message("start", ""), message("start", 7)])
def test_receive__ignores_what_is_not_ours(uploader, comm_of, content):
    comm = comm_of(uploader)
    comm.receive(content)
    assert comm.sent == []


@pytest.mark.parametrize("op", ["delete", None, ["start"]])
def test_receive__unknown_step(uploader, comm_of, op):
    comm = comm_of(uploader)
    comm.receive(message(op))
    assert comm.last["op"] == "error"


def test_start__uploads_left_by_a_reload_give_way(uploader, comm_of, tmp_path):
    comm = comm_of(uploader)
    for i in range(MAX_OPEN_FILES + 1):
        comm.receive(message("start", f"u-{i}", name="a.mp4", size=8))
    assert [c["id"] for c, _ in comm.sent if c["op"] == "error"] == ["u-0"]
    assert len(list(tmp_path.iterdir())) == MAX_OPEN_FILES


def test_on_file__what_a_listener_raises_is_shown_and_logged(uploader, comm_of, caplog):
    def refuse(name, path):
        raise ValueError(f"{name} is no clip.")

    comm = comm_of(uploader)
    uploader.on_file(refuse)
    with caplog.at_level(logging.ERROR):
        send_file(comm, "notes.txt", b"x")
    assert comm.last["error"] == "notes.txt is no clip."
    assert "notes.txt is no clip." in caplog.text


def test_folder__of_the_session_by_default():
    assert Uploader().folder == module.session_folder()
