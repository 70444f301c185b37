"""The notebooks as files: saved clean, in order, said plainly; and their exercises have an answer.

That each of them runs is checked by nbval: `make test` collects them as tests of their own.
"""

import html
import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("without_new_rows")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.name)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code_cells(notebook) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_notebooks__have_each_a_number_of_its_own():
    numbers = [int(path.name[:2]) for path in NOTEBOOKS]  # a gap is room for one that is still to come
    assert numbers[0] == 1
    assert len(set(numbers)) == len(numbers)


def test_notebook__is_saved_without_outputs(notebook):
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(
        not cell.outputs and cell.execution_count is None for cell in notebook.cells if "outputs" in cell
    )


def test_notebook__says_its_goal_and_its_time_first(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert "**Goal:**" in notebook.cells[0].source
    assert "**Time:**" in notebook.cells[0].source


def test_notebook__has_an_exercise_a_check_and_help(notebook):
    sources = "\n".join(cell.source for cell in notebook.cells)
    for part in ("A hint</summary>", "One answer</summary>", "exercise(", "What went wrong?"):
        assert part in sources
    assert "check(" in code_cells(notebook)[-1]


def test_notebook__one_idea_per_cell(notebook):
    lengths = [(len(source.splitlines()), "\nclass " in source) for source in code_cells(notebook)]
    assert max(length for length, _ in lengths) <= 44  # a whole model
    assert max(length for length, is_class in lengths if not is_class) <= 16


def test_notebook__the_answer_solves_the_exercise(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = importlib.util.find_spec  # nbval runs the notebooks with Ray; here they must do without
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else there(name, *rest)
    )
    answers = re.findall(r"<code>(.*?)</code>", "\n".join(cell.source for cell in notebook.cells))
    answers = [html.unescape(answer) for answer in answers if " = " in html.unescape(answer)]
    names: dict[str, object] = {}
    for source in code_cells(notebook):
        is_open = re.fullmatch(r"my_\w+ = .*", source.strip())
        code = "\n".join(answers) if is_open else source.replace("\nexercise(", "\nverdict = exercise(")
        exec(compile(code, "notebook", "exec"), names)
    assert names["verdict"].passed, names["verdict"]
