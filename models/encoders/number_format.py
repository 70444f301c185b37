"""``dtype="auto"``: the one place that decides which number format a network computes in.

bfloat16 where it was measured to be faster on this very part and its vectors stay within cosine
0.999 of those of float32; float32 everywhere else. Measured when a package is loaded for the first
time, and remembered.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models import probes
from models.errors import ModelPackageError
from models.measurements import computing_on, recall, remember
from models.pace import LARGE_BYTES, Pace, lowest_cosine, measure_pace
from models.packaging.files import WEIGHT_SUFFIXES
from models.packaging.manifest import MANIFEST_NAME, read_manifest

__all__ = ["LOWEST_COSINE", "NumberFormat", "load_in_best_format"]

LOWEST_COSINE = 0.999
_WORTH_IT = 1.1  # a gain below is within the noise of a measurement
_logger = logging.getLogger("models")


@dataclass(frozen=True)
class NumberFormat:
    """A number format, and why it was taken.

    Args:
        dtype: "float32", "bfloat16" or "float16".
        reason: One sentence without a full stop.
    """

    dtype: str
    reason: str


def load_in_best_format(model: Any, folder: Path, load: Callable[[str], None]) -> NumberFormat:
    """Load a model in the number format that suits it best here.

    Args:
        model: The model; its ``device`` is settled.
        folder: Where it is loaded from, or its one file.
        load: Puts the network into the model in a number format, in place of one that is there.

    Returns:
        The format that it is loaded in, and why.

    Example:
        >>> from types import SimpleNamespace
        >>> tiny = SimpleNamespace(device="cpu")
        >>> load_in_best_format(tiny, Path(), lambda dtype: None).dtype
        'float32'
    """
    obstacle = _obstacle(model, folder)
    if obstacle:
        load("float32")
        return NumberFormat("float32", obstacle)
    key = ("number format", type(model).__name__, _identity(folder), *computing_on(model.device))
    known = _read(recall(*key))
    if known is not None:
        load(known.dtype)
        return known
    found = _measured(model, load)
    remember(asdict(found), *key)
    _logger.info("%s computes in %s: %s.", type(model).__name__, found.dtype, found.reason)
    return found


def _obstacle(model: Any, folder: Path) -> str:
    """Why nothing needs to be measured; "" when something does."""
    if _weight_bytes(folder) < LARGE_BYTES:
        return "a small model computes in full precision"
    kind = str(model.device).partition(":")[0]
    if kind not in ("cpu", "cuda"):
        return f"bfloat16 is not tried on {model.device}"
    wanted = "cuda:0" if model.device == "cuda" else model.device
    cuda = next((one.bfloat16 for one in probes.devices() if one.id == wanted), None)
    if (probes.processor_has_bfloat16() if kind == "cpu" else cuda) is False:
        return f"no instructions for bfloat16 on {model.device}"
    return ""


def _measured(model: Any, load: Callable[[str], None]) -> NumberFormat:
    """Load both ways, compare, and leave the better one loaded."""
    load("float32")
    exact = measure_pace(model)
    try:
        load("bfloat16")
        fast = measure_pace(model)
    except Exception as error:  # whatever a network raises that has no operator for the format
        load("float32")
        return NumberFormat("float32", f"bfloat16 fails here ({type(error).__name__})")
    found = _better(exact, fast)
    if found.dtype == "float32":
        load("float32")
    return found


def _better(exact: Pace, fast: Pace) -> NumberFormat:
    """Choose between float32 and bfloat16."""
    gain, cosine = fast.frames_per_s / exact.frames_per_s, lowest_cosine(exact, fast)
    measured = f"bfloat16 is {gain:.2f} times as fast here, lowest cosine to float32 {cosine:.5f}"
    good = gain >= _WORTH_IT and cosine >= LOWEST_COSINE
    return NumberFormat("bfloat16" if good else "float32", measured)


def _read(stored: Any) -> NumberFormat | None:
    """Read a remembered decision; None when it is no such thing."""
    try:
        found = NumberFormat(str(stored["dtype"]), str(stored["reason"]))
    except (TypeError, KeyError):
        return None
    return found if found.dtype in ("float32", "bfloat16") else None


def _weight_bytes(folder: Path) -> int:
    """Size of the files with weights; 0 when there are none."""
    return sum(path.stat().st_size for path in _weight_files(folder))


def _weight_files(folder: Path) -> list[Path]:
    """The files with weights of a folder, or the one file."""
    found = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    return [path for path in found if path.suffix.lower() in WEIGHT_SUFFIXES and path.is_file()]


def _identity(folder: Path) -> str:
    """Name the weights: by the hashes of the manifest, else by size and time of the files."""
    if (folder / MANIFEST_NAME).is_file():
        try:
            return read_manifest(folder).package_hash
        except ModelPackageError:
            pass  # whoever needs the manifest says what is wrong with it
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _weight_files(folder)]
    return hashlib.sha256(repr((str(folder.absolute()), facts)).encode()).hexdigest()
