"""See that the files of a package make up one network, before and after transformers reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from models.errors import CorruptedModelPackageError, PackageNotFoundError
from models.packaging.manifest import is_safe_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["check_all_loaded", "check_layers", "check_weights_are_there"]

_FRESH_COPY = "Put a fresh copy of the package there."
_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_FLOATS = ("F64", "F32", "F16", "BF16")
_MOST_LAYERS = 1000


def check_layers(folder: Path, config: dict[str, Any]) -> None:
    """Refuse a number of layers that no file holds, rather than build them for hours.

    Args:
        folder: The package folder, for the message.
        config: Its ``config.json``.

    Raises:
        CorruptedModelPackageError: If a tower has too many.
    """
    for tower in (config, *config.values()):
        layers = tower.get("num_hidden_layers") if isinstance(tower, dict) else None
        if isinstance(layers, int) and layers > _MOST_LAYERS:
            raise CorruptedModelPackageError(
                f"{folder / 'config.json'} describes {layers:,} layers; there are at most {_MOST_LAYERS}.",
                next_step=_FRESH_COPY,
            )


def check_weights_are_there(folder: Path, read_object: Callable[[Path, str], dict[str, Any]]) -> None:
    """Refuse a folder without weights, and an index of weights that lie elsewhere.

    Args:
        folder: The package folder.
        read_object: Reads a file of it.

    Raises:
        PackageNotFoundError: If there are no weights.
        CorruptedModelPackageError: If they lie elsewhere.
    """
    present = [name for name in _WEIGHTS if (folder / name).is_file()]
    if not present:
        raise PackageNotFoundError(
            f"No weights are in {folder}; expected is one of {', '.join(_WEIGHTS)}.",
            next_step="Download the package again, or correct the path.",
        )
    places = read_object(folder, present[0]).get("weight_map") if present[0].endswith(".json") else {}
    named = set(places.values()) if isinstance(places, dict) else {None}
    for name in named:
        if not isinstance(name, str) or not is_safe_path(name) or not (folder / name).is_file():
            raise CorruptedModelPackageError(
                f"{folder / present[0]} names weights that are not in the folder: {name!r}.",
                next_step=_FRESH_COPY,
            )


def check_all_loaded(folder: Path, found: dict[str, Any], left_over: Sequence[str]) -> None:
    """Refuse a network of which some weights did not come from the files.

    Args:
        folder: The package folder.
        found: What transformers says about the load.
        left_over: Patterns of stored names that may be ignored.

    Raises:
        CorruptedModelPackageError: If weights are missing, left over, of another shape or no floats.
    """
    unused = [name for name in found["unexpected_keys"] if not re.fullmatch("|".join(left_over), name)]
    shapes = [f"{name} {list(stored)} for {list(want)}" for name, stored, want in found["mismatched_keys"]]
    quantised = [name for name in _whole_numbers(folder) if not re.fullmatch("|".join(left_over), name)]
    problems = {
        "missing": found["missing_keys"],
        "of another shape": shapes,
        "left over": unused,
        "no floats": quantised,
    }
    said = [f"{kind}: {_some(sorted(names))}" for kind, names in problems.items() if names]
    said += [str(message) for message in found.get("error_msgs", ())]
    if said:
        raise CorruptedModelPackageError(
            f"The weights in {folder} do not fit its configuration ({'; '.join(said)}).",
            next_step=_FRESH_COPY,
        )


def _whole_numbers(folder: Path) -> list[str]:
    """Weights stored in another format than floats, which would be read as if they were those."""
    from safetensors import safe_open

    found = []
    for path in folder.glob("model*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found += [name for name in file.keys() if file.get_slice(name).get_dtype() not in _FLOATS]  # noqa: SIM118
    return found


def _some(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
