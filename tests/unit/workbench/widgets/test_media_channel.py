import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.widgets.media_channel import MAX_THREADS, MediaChannel


def request(**fields):
    return {"kind": "media", "id": "a-1", "what": "poster", "key": "ball.mp4", **fields}


def test_receive__answers_with_buffers(comm_of):
    comm = comm_of(MediaChannel(lambda what, key: [(f"{what} of {key}".encode(), "image/jpeg")]))
    comm.receive(request())
    comm.settle()
    expected = {"kind": "media", "id": "a-1", "ok": True, "mime": ["image/jpeg"]}
    assert comm.sent == [(expected, [b"poster of ball.mp4"])]


def test_receive__frames_are_several_buffers_in_order(comm_of):
    comm = comm_of(MediaChannel(lambda *_: [(bytes([i]), "image/png") for i in range(8)]))
    comm.receive(request(what="frames"))
    comm.settle()
    content, buffers = comm.sent[0]
    assert content["mime"] == ["image/png"] * 8
    assert buffers == [bytes([i]) for i in range(8)]


@pytest.mark.parametrize(
    "content",
    [
        "text",
        None,
        {"kind": "other"},
        {"kind": "media"},
        request(id=""),
        request(id=7),
        request(id="x" * 65),
    ],
)
def test_receive__nothing_to_answer(comm_of, content):
    comm = comm_of(MediaChannel(lambda *_: [(b"", "image/png")]))
    comm.receive(content)
    comm.settle()
    assert comm.sent == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"what": "secrets"}, "Cannot send 'secrets'"),
        ({"what": ["poster"]}, "Cannot send ['poster']"),
        ({"key": ""}, "without a key"),
        ({"key": 3}, "without a key"),
        ({"key": "x" * 4097}, "without a key"),
    ],
)
def test_receive__refuses_bad_requests_in_words(comm_of, fields, words):
    asked = []
    comm = comm_of(MediaChannel(lambda *args: asked.append(args)))
    comm.receive(request(**fields))
    comm.settle()
    assert comm.last["ok"] is False
    assert words in comm.last["error"]
    assert asked == []


def test_receive__provider_error_is_shown_and_logged(comm_of, caplog):
    def provider(what, key):
        raise ValueError(f"Cannot decode {key}.")

    comm = comm_of(MediaChannel(provider))
    with caplog.at_level(logging.WARNING):
        comm.receive(request())
        comm.settle()
    assert comm.last == {"kind": "media", "id": "a-1", "ok": False, "error": "Cannot decode ball.mp4."}
    assert "Cannot decode ball.mp4." in caplog.text


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ([], "There is no poster of 'ball.mp4'"),
        ([b"raw"], "got bytes"),
        ([("text", "image/png")], "got tuple"),
    ],
)
def test_receive__provider_returns_something_else(comm_of, returned, words):
    comm = comm_of(MediaChannel(lambda *_: returned))
    comm.receive(request())
    comm.settle()
    assert comm.last["ok"] is False
    assert words in comm.last["error"]


def test_receive__error_without_words_gives_its_name(comm_of):
    def provider(*_):
        raise KeyError

    comm = comm_of(MediaChannel(provider))
    comm.receive(request())
    comm.settle()
    assert comm.last["error"] == "KeyError"


def test_receive__no_provider(comm_of):
    comm = comm_of(MediaChannel())
    comm.receive(request())
    comm.settle()
    assert comm.last["error"] == "This widget has no provider of media."


def test_receive__runs_off_the_main_thread_in_a_bounded_pool(comm_of):
    threads, gate, most = [], threading.Barrier(MAX_THREADS, timeout=30), []

    def provider(*_):
        threads.append(threading.current_thread())
        most.append(len({t for t in threads if t.is_alive()}))
        gate.wait()  # passes only if MAX_THREADS run at once
        return [(b"x", "image/png")]

    comm = comm_of(MediaChannel(provider))
    for i in range(2 * MAX_THREADS):
        comm.receive(request(id=f"a-{i}"))
    comm.settle()
    assert len(comm.sent) == 2 * MAX_THREADS
    assert threading.main_thread() not in threads
    assert max(most) <= MAX_THREADS


def test_close__drops_waiting_requests_and_late_replies(comm_of):
    started, finish, calls = threading.Event(), threading.Event(), []

    def provider(_what, key):
        calls.append(key)
        started.set()
        finish.wait(30)
        return [(b"x", "image/png")]

    widget = MediaChannel(provider)
    comm = comm_of(widget)
    widget._pool = pool = ThreadPoolExecutor(1)
    comm.receive(request(key="first"))
    comm.receive(request(id="a-2", key="second"))
    started.wait(30)
    widget.close()
    comm.receive(request(id="a-3", key="third"))
    finish.set()
    pool.shutdown(wait=True)
    assert calls == ["first"]
    assert comm.sent == []


def test_provider__setting_it_makes_the_front_end_fetch_again():
    channel = MediaChannel()
    channel.provider = lambda *_: [(b"x", "image/png")]
    assert channel.media_version == 1
    channel.refresh()
    assert channel.media_version == 2
