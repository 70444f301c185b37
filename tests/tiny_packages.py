"""A package small enough to test with for every row of the registry, found by its name.

Family ``x`` offers ``models/families/x/tiny.py`` with ``make_tiny_package(directory)``. A row of
an exported backend needs nothing of its own: the family's tiny package is exported for it.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from models.packages import ModelPackage

BUNDLED = {"spriteclip": "workbench/spriteclip-tiny"}  # families whose package ships with the project
EXPORTED = {"onnx": "onnxruntime", "openvino": "openvino"}  # backend -> library that runs it

Row = tuple[str, str, str]


def maker_of(architecture: str) -> Callable[[Path], ModelPackage] | None:
    """The function of a family that writes its tiny package; None when it has none."""
    name = f"models.families.{architecture}.tiny"
    if find_spec(f"models.families.{architecture}") is None or find_spec(name) is None:
        return None
    return getattr(import_module(name), "make_tiny_package", None)


def has_package(row: Row) -> bool:
    """Whether ``package_for`` knows what to do for a row."""
    return row[0] in BUNDLED or maker_of(row[0]) is not None


def missing_library(row: Row) -> str:
    """Library that a row needs and that is not installed here; "" when nothing is missing."""
    library = EXPORTED.get(str(row[2]), "")
    return library if library and find_spec(library) is None else ""


def package_for(row: Row, directory: Path) -> str | Path:
    """Make the package of a row.

    Args:
        row: Architecture, task type and backend.
        directory: Empty folder to write to.

    Returns:
        What ``AutoModel.from_pretrained`` takes: an id or a path.
    """
    architecture, _, backend = row
    if architecture in BUNDLED:
        return BUNDLED[architecture]
    home = directory / "home"
    maker_of(architecture)(home)
    return _exported(home, directory / "exported", str(backend)) if backend in EXPORTED else home


def _exported(home: Path, directory: Path, backend: str) -> Path:
    from models.auto import AutoModel
    from models.export import export_package

    model = AutoModel.from_pretrained(home, device="cpu")
    return export_package(model, directory, backend=backend).directory
