"""The documentation tells the truth: its Python runs, its commands, files and pictures exist."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Block, blocks, commands, documents
from workbench import cli

SHELL = [(block, line) for block in (*blocks("bash"), *blocks("sh")) for line in commands(block)]
SYSTEM = {"apt-get", "git", "cd", "python3", "ssh", "conda", "pip", "export"}
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)\s]*)?\)|<img [^>]*src=\"([^\"]+)\"|srcset=\"([^\"]+)\"")


WITH_PYTHON = sorted({block.path for block in blocks("python")})


@pytest.mark.usefixtures("without_new_rows")
@pytest.mark.parametrize("path", WITH_PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python__runs_from_the_top_of_the_file(path: Path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = ""
    for block in blocks("python"):
        if block.path == path:  # on its own lines, so that a trace names the line of the document
            code += "\n" * (block.line - code.count("\n")) + block.text
    script = tmp_path / f"{path.stem}.py"
    script.write_text(code, encoding="utf-8")
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize(
    ("block", "line"), SHELL, ids=lambda part: part.place if isinstance(part, Block) else ""
)
def test_shell__commands_exist(block: Block, line: str):
    words = [word for word in shlex.split(line) if not re.fullmatch(r"[A-Z_]+=.*", word)]
    program = Path(words[0]).name if words else ""
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word} <= set(targets)
    elif program == "workbench":
        check_workbench(words[1:])
    elif program.startswith("python") and "-m" in words:
        module = words[words.index("-m") + 1]
        known = module in {"venv", "pip", "pytest"}
        assert known or list(ROOT.glob(f"{module.replace('.', '/')}*")), f"no module {module}"
    elif words and (ROOT / words[0]).exists():
        assert not (ROOT / words[0]).is_dir()
    else:
        assert not words or program in SYSTEM | {"pytest", "ruff", "ty"}, f"{block.place}: {line}"


def check_workbench(words: list[str]) -> None:
    """Read a command line of ours without running it."""
    from typer.main import get_command

    group = get_command(cli.app)
    context = group.make_context("workbench", list(words))
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links__name_files_that_are_there(path: Path):
    targets = ["".join(found) for found in _LINK.findall(path.read_text(encoding="utf-8"))]
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (path.parent / target).exists()] == []


def test_documents__the_fixed_ones_are_there():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/performance.md"):
        assert (ROOT / name).is_file()
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")


def test_readme__draws_the_structure_as_it_is():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    drawing = next(
        block.text for block in blocks("text") if "models/" in block.text and "workbench/" in block.text
    )
    assert drawing in text
    folder = Path()
    for line in drawing.splitlines():
        depth, name = len(line) - len(line.lstrip()), line.split()[0] if line.split() else ""
        if not name:
            continue
        folder = ROOT if depth == 0 else folder
        for one in name.split(","):
            assert (folder / one).exists(), f"README draws {one}, which is not in {folder}"
        if depth == 0 and name.endswith("/"):
            folder = ROOT / name
