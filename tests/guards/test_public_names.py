"""Lazy packages: cheap to import, complete, documented."""

import ast
import importlib
import subprocess
import sys

import pytest

from tests.guards.source import PACKAGES, ROOT, fail_with, public_definitions, source_files, tree_of

HEAVY = (
    "torch",
    "transformers",
    "pandas",
    "matplotlib",
    "ipywidgets",
    "av",
    "pyarrow",
    "jupyterlab",
    "anywidget",
)


@pytest.mark.parametrize("statement", ["import models", "import workbench", "import workbench.cli"])
def test_import__leaves_heavy_libraries_out(statement):
    code = f"{statement}; import sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [], (
        f"`{statement}` loads {done.stdout.strip()}: import it inside the function that needs it."
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_exports__table_all_and_dir_agree(package):
    module = importlib.import_module(package)
    assert sorted(module._EXPORTS) == module.__all__, (
        f"{package}/__init__.py: keep __all__ equal to _EXPORTS, sorted."
    )
    assert dir(module) == module.__all__
    typed = {
        alias.asname or alias.name
        for node in ast.walk(tree_of(f"{package}/__init__.py"))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}.")
        if node.module != "models.lazy"
        for alias in node.names
    }
    assert typed == set(module.__all__), f"{package}/__init__.py: import every export under TYPE_CHECKING."


@pytest.mark.parametrize("package", PACKAGES)
def test_exports__every_name_resolves(package):
    module = importlib.import_module(package)
    broken = []
    for name, home in module._EXPORTS.items():
        try:
            getattr(module, name)
        except (ImportError, AttributeError) as error:
            broken.append(f"{package}.{name} (from {home}): {error}")
    fail_with(broken, f"Correct the table _EXPORTS in {package}/__init__.py, or write the missing name.")


@pytest.mark.parametrize("package", PACKAGES)
def test_exports__an_unknown_name_lists_the_known_ones(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match=module.__all__[0]):
        _ = module.NoSuchName


@pytest.mark.parametrize("path", source_files())
def test_public_name__is_documented(path):
    tree = tree_of(path)
    missing = [] if ast.get_docstring(tree) or not tree.body else [f"{path}:1 module"]
    missing += [
        f"{path}:{node.lineno} {name}"
        for name, node in public_definitions(tree)
        if not ast.get_docstring(node) and not _needs_none(node)
    ]
    fail_with(missing, "Say in a docstring what it is, what it takes and what it returns.")


def _needs_none(node: ast.AST) -> bool:
    """Setters say it at the property; overloads at the function."""
    marks = {
        mark.attr if isinstance(mark, ast.Attribute) else getattr(mark, "id", "")
        for mark in node.decorator_list
    }
    return bool(marks & {"setter", "overload"})
