"""What the command line prints, on a terminal and in a pipe."""

import io
import json

import pytest
from rich.console import Console

from workbench.terminal import Terminal

ROWS = [["red", "1", "a.mp4"], ["red", "2", "b.mp4"], ["blue", "1", "a.mp4"]]


@pytest.fixture
def drawn():
    """A terminal that draws, and the text it drew."""
    terminal = Terminal()
    terminal._out = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    return terminal, terminal._out.file


def test_table__in_a_pipe_each_line_stands_alone(capsys):
    Terminal().table(["prompt", "rank>", "clip"], ROWS, grouped=True)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["prompt", "rank", "clip"], *ROWS]


def test_table__on_a_terminal_a_group_is_named_once(drawn):
    terminal, text = drawn
    terminal.table(["prompt", "rank>", "clip"], ROWS, grouped=True)
    assert text.getvalue().count("red") == 1
    assert text.getvalue().count("blue") == 1


def test_table__texts_are_data(drawn):
    terminal, text = drawn
    terminal.table(["clip"], [["[bold]x[/bold]\x1b[31m\n"]])
    assert "[bold]x[/bold]\\x1b[31m\\n" in text.getvalue()


def test_json__is_the_only_thing_on_stdout(capsys):
    terminal = Terminal(as_json=True)
    terminal.say("hello")
    terminal.table(["a"], [["b"]])
    terminal.note("working")
    terminal.json({"name": "odd \udcff name"})
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"name": "odd \udcff name"}
    assert printed.err == "working\n"


def test_error__has_the_next_step_and_is_json_too(capsys):
    Terminal(as_json=True).error("It broke.", "Mend it.")
    printed = capsys.readouterr()
    assert printed.err == "Error: It broke.\nNext: Mend it.\n"
    assert json.loads(printed.out)["error"] == {"message": "It broke.", "next_step": "Mend it."}


def test_skipped__lists_each_with_its_reason(capsys):
    Terminal().skipped([("a\nb.mp4", "It is empty.")])
    assert capsys.readouterr().err == "1 could not be read:\n  a\\nb.mp4: It is empty.\n"
    Terminal().skipped([])
    assert capsys.readouterr().err == ""
