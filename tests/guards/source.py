"""Reading the product's own source for the guards: files, imports, calls; nothing is run."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("models", "workbench")


@dataclass(frozen=True)
class Import:
    """One imported module: full name, file (posix path from the root), line, typed only or not."""

    module: str
    path: str
    line: int
    typing_only: bool = False

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"

    def is_of(self, package: str) -> bool:
        return self.module == package or self.module.startswith(f"{package}.")


@cache
def source_files() -> tuple[str, ...]:
    """All Python files of the two packages, as posix paths from the root."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return tuple(sorted(path.relative_to(ROOT).as_posix() for path in found))


@cache
def tree_of(path: str) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


@cache
def imports() -> tuple[Import, ...]:
    """Every import of every file, the ones inside functions and for type checkers too."""
    return tuple(found for path in source_files() for found in imports_of(tree_of(path), path))


def imports_of(tree: ast.Module, path: str) -> Iterator[Import]:
    typed = _typing_only_lines(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, path, node.lineno, node.lineno in typed) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
            yield from (Import(name, path, node.lineno, node.lineno in typed) for name in names)
        elif _is_dynamic_import(node):
            yield Import(str(node.args[0].value), path, node.lineno)


@cache
def _walked(path: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(path)))


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call in the packages: dotted name of what is called, file:line, node."""
    for path in source_files():
        for node in _walked(path):
            if isinstance(node, ast.Call):
                yield _name(node.func), f"{path}:{node.lineno}", node


def nodes(kind: type[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Every node of a kind: file:line, node."""
    for path in source_files():
        for node in _walked(path):
            if isinstance(node, kind):
                yield f"{path}:{node.lineno}", node


def public_definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Public classes, functions and methods of a module, not those inside functions."""
    yield from _definitions(tree.body, "")


def _definitions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for node in body:
        if isinstance(node, ast.If | ast.Try):
            yield from _definitions(node.body, prefix)
        if not isinstance(
            node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) or node.name.startswith("_"):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from _definitions(node.body, f"{node.name}.")


def _is_dynamic_import(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and _name(node.func).endswith("import_module") and node.args
    return bool(called) and isinstance(node.args[0], ast.Constant)


def _typing_only_lines(tree: ast.Module) -> set[int]:
    """Lines under `if TYPE_CHECKING:`."""
    blocks = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and _name(node.test).endswith("TYPE_CHECKING")
    ]
    return {line for block in blocks for line in range(block.lineno, (block.body[-1].end_lineno or 0) + 1)}


def _absolute(node: ast.ImportFrom, path: str) -> str:
    if not node.level:
        return node.module or ""
    parts = path.split("/")[: -node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def fail_with(offenders: list[str], fix: str) -> None:
    """Fail with every offender and the way to mend it."""
    lines = "\n  ".join(offenders)
    assert not offenders, f"\n  {lines}\n{fix}"
