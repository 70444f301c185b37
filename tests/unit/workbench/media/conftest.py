"""Where the generators of test media lie, and clips that many tests share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "data"))

from make_data import write_ramp


@pytest.fixture(scope="session")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty frames of grey, ten a second, groups of twelve with two B-frames between references."""
    return write_ramp(tmp_path_factory.mktemp("media") / "ramp.mp4", b_frames=2)
