"""`workbench models new NAME`: the folder of a new model family, working from the first minute."""

import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from models.registry import REGISTERED_MODELS
from workbench.errors import InvalidParameterError
from workbench.terminal import Terminal

FAMILIES = Path("models/families")
_NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
_IMPORTS = re.compile(r"(?:^from models\..*\n)+", re.MULTILINE)  # sorted again once the names are known
_MODULES = ("__init__.py", "network.py", "preprocessing.py", "model.py", "tiny.py", "README.md")


@dataclass(frozen=True)
class NewModel:
    """What was written, and how to go on.

    Args:
        folder: The folder of the family.
        test: Its test.
        package: Name to import it by.
        class_name: Name of the model's class.
        written: All new files.
        next_steps: What to do now, in order.
    """

    folder: Path
    test: Path
    package: str
    class_name: str
    written: tuple[Path, ...]
    next_steps: tuple[str, ...]


def write_new_model(name: str, into: str | Path | None = None) -> NewModel:
    """Write the folder of a new family: a small model that works, to be replaced piece by piece.

    Args:
        name: Name of the family and of its folder: lower-case letters, digits, underscores.
        into: Folder to write to. None takes ``models/families`` in a checkout of this project
            (its test goes to ``tests/``), else the working directory.

    Returns:
        What was written.

    Raises:
        InvalidParameterError: If the name cannot be one, is taken, or the folder exists.
    """
    family = into is None and (FAMILIES / "__init__.py").is_file()
    parent = FAMILIES if family else Path(into or ".")
    folder = parent / name
    _check_name(name, folder)
    package = f"models.families.{name}" if family else name
    class_name = "".join(part.capitalize() for part in name.split("_"))
    test = Path("tests/unit") / folder / "test_model.py" if family else folder / f"test_{name}.py"
    targets = {source: folder / source for source in _MODULES} | {"test.py": test}
    for source, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(source, name, package, class_name), encoding="utf-8")
    steps = _steps(name, package, class_name, test, family=family)
    return NewModel(folder, test, package, class_name, tuple(targets.values()), steps)


def new(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="Name of the family: lower-case letters, digits, underscores."),
    ],
    *,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="Folder to write to.", show_default="models/families, else here"),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")
    ] = False,
) -> None:
    """Write the folder of a new model: a small one that works, to be replaced piece by piece."""
    terminal = Terminal(as_json=as_json)
    made = write_new_model(name, into)
    for path in made.written:
        terminal.say(f"written: {path}")
    terminal.say("Next:", style="bold")
    for i, step in enumerate(made.next_steps, 1):
        terminal.say(f"  {i}. {step}")
    document = {"folder": str(made.folder), "package": made.package, "class": made.class_name}
    terminal.json(
        {**document, "written": [str(path) for path in made.written], "next_steps": list(made.next_steps)}
    )


def _check_name(name: str, folder: Path) -> None:
    """Refuse a name that is no module's, that hides one, or that is taken."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InvalidParameterError(
            f"{name!r} cannot name a family: 2 to 40 lower-case letters, digits, _; a letter first.",
            next_step=f"For example: workbench models new {_near(name)}",
        )
    if folder.exists():
        raise InvalidParameterError(
            f"{folder} exists already; nothing was written.", next_step="Choose another name, or remove it."
        )
    if any(architecture == name for architecture, _, _ in REGISTERED_MODELS):
        raise InvalidParameterError(f"There is a family {name!r} already.", next_step="Choose another name.")
    if find_spec(name) is not None:
        raise InvalidParameterError(
            f"{name!r} is the name of an installed Python module, which the new folder would hide.",
            next_step=f"For example: workbench models new {name}_model",
        )


def _near(name: str) -> str:
    """A name that is allowed, as near to a refused one as can be."""
    better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40].rstrip("_")
    better = f"{better}_model" if keyword.iskeyword(better) else better
    return better if _NAME.fullmatch(better) else "my_model"


def _filled(source: str, name: str, package: str, class_name: str) -> str:
    """One file of the skeleton with its names filled in."""
    text = files("workbench").joinpath("new_model_files", f"{source}.txt").read_text(encoding="utf-8")
    for mark, value in (("@NAME@", name), ("@PACKAGE@", package), ("@CLASS@", class_name)):
        text = text.replace(mark, value)
    return _IMPORTS.sub(lambda block: "".join(sorted(block[0].splitlines(keepends=True))), text)


def _steps(name: str, package: str, class_name: str, test: Path, *, family: bool) -> tuple[str, ...]:
    """What to do after the files are there."""
    run = f"python -m pytest {test}  (it passes as it is; run it after each change)"
    mine = "network.py, preprocessing.py, model.py: replace the small network by yours"
    if not family:
        return (
            run,
            mine,
            f'in a notebook: register_model("{name}", "embedding", "torch", {class_name})',
            f"{package}.tiny shows how a folder with weights becomes a package that AutoModel loads",
        )
    row = f'("{name}", "embedding", BackendType.TORCH): LazyClass("{package}.model", "{class_name}")'
    return (
        run,
        mine,
        f"models/registry.py: one row, {row}",
        "models/catalog.py: one card for each checkpoint, with licence, size and full revision",
        "python -m pytest tests/contract  (the new row is checked with its tiny package)",
        "README.md of the family, CHANGELOG.md; models/families/README.md is the whole checklist",
    )
