"""How much memory a model will need: its weights, in the number format it computes in.

A lower bound, kept simple on purpose: what the network computes along the way comes on top. It is
there to refuse what cannot work, with both numbers in the reason, before a machine starts to swap.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from models.json_text import parse_json
from models.packaging.files import WEIGHT_SUFFIXES

if TYPE_CHECKING:
    from models.cards import ModelCard
    from models.packaging.files import ModelPackage

_MAX_HEADER = 100 * 2**20  # a longer header of a safetensors file is refused by the format itself
_HALF = ("F16", "BF16")
_WIDTH = {"float32": 4, "auto": 4, "bfloat16": 2, "float16": 2}


def needed_bytes(package: "ModelPackage | None", card: "ModelCard", dtype: str) -> tuple[int, str]:
    """Estimate the memory that a model's weights take once it is loaded.

    Args:
        package: Its package; None when it is not on this machine.
        card: The model; what it states is used when there is no package.
        dtype: Number format to compute in; "auto" counts as float32.

    Returns:
        Bytes, 0 when nothing is known; and how that number came about.
    """
    if package is None:
        if card.parameters:
            return card.parameters * _WIDTH[dtype], f"{card.parameters / 1e6:.0f} M weights"
        return card.size_bytes, "size of the download"
    weights = [file for file in package.manifest.files if Path(file.path).suffix.lower() in WEIGHT_SUFFIXES]
    size = sum(file.size for file in weights)
    if _WIDTH[dtype] == 4 and any(_stored_half(package.directory / file.path) for file in weights):
        return 2 * size, "weights stored in 16 bits, computed in 32"
    return size, "size of the weights"


def _stored_half(path: Path) -> bool:
    """Tell whether most bytes of a safetensors file are 16-bit numbers; reads its header only."""
    if path.suffix.lower() != ".safetensors":
        return False
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = parse_json(file.read(length)) if length <= _MAX_HEADER else {}
        sizes = [
            (one["dtype"], one["data_offsets"]) for name, one in header.items() if name != "__metadata__"
        ]
        half = sum(stop - start for dtype, (start, stop) in sizes if dtype in _HALF)
        return 2 * half > sum(stop - start for _, (start, stop) in sizes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # a damaged file is told when it is verified, not here
