import io
import sys
from types import SimpleNamespace

import pytest

from workbench.engine.progress import progress_display, progress_html
from workbench.engine.records import EmbedProgress

HALF = EmbedProgress(2, 4, rate=1.0, eta_s=2.0, state="running")
DONE = EmbedProgress(4, 4, rate=1.0, state="done")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show(monkeypatch, stream, *, wanted=True):
    monkeypatch.setattr(sys, "stderr", stream)
    with progress_display(wanted=wanted) as draw:
        draw(HALF)
        draw(DONE)
    return stream.getvalue()


def test_progress_display__a_terminal_sees_a_line(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert "4 of 4 clips" in show(monkeypatch, Terminal())


def test_progress_display__silent_when_nobody_looks_or_it_is_not_wanted(monkeypatch):
    assert show(monkeypatch, io.StringIO()) == ""
    assert show(monkeypatch, Terminal(), wanted=False) == ""


def test_progress_display__a_notebook_gets_one_display_that_is_updated(monkeypatch):
    calls = []

    class Handle:
        def update(self, bundle, raw):
            calls.append(("update", bundle["text/plain"], raw))

    def display(bundle, *, raw, display_id):
        calls.append(("display", bundle["text/plain"], raw))
        assert "text/html" in bundle
        return Handle()

    fake = SimpleNamespace(
        get_ipython=lambda: SimpleNamespace(kernel=object()), display=SimpleNamespace(display=display)
    )
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", fake.display)
    with progress_display(wanted=True) as draw:
        draw(HALF)
        draw(HALF)
        draw(DONE)
    assert calls == [("display", HALF.text, True), ("update", DONE.text, True)]


@pytest.mark.parametrize(("progress", "width"), [(HALF, "width:50.0%"), (DONE, "width:100.0%")])
def test_progress_html__the_bar_is_as_long_as_the_share(progress, width):
    assert width in progress_html(progress)


def test_shown_progress__draws_seldom_but_always_the_end(monkeypatch):
    import contextlib

    import workbench.engine.progress as module

    drawn, closed, heard = [], [], []

    @contextlib.contextmanager
    def display(*, wanted):
        yield drawn.append
        closed.append(True)

    monkeypatch.setattr(module, "progress_display", display)
    listen = module.shown_progress(heard.append)
    for done in range(100):
        listen(EmbedProgress(done, 100, state="running"))
    listen(EmbedProgress(100, 100, state="done"))
    assert len(heard) == 101
    assert len(drawn) < 50
    assert drawn[-1].state == "done"
    assert closed == [True]
