"""NPZ from anybody's hand: read without unpickling, and only as large as the file is."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["load_stored"]


def load_stored(path: Path) -> Any:
    """Open the arrays of a file that ``numpy.savez`` wrote.

    Args:
        path: The file.

    Returns:
        What ``numpy.load`` returns, to be closed by the caller.

    Raises:
        ValueError: If it is compressed: a small file could unpack to more than memory holds.
        OSError, zipfile.BadZipFile: If it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("it is compressed; a saved one never is, so its size can be trusted")
    return np.load(path, allow_pickle=False)
