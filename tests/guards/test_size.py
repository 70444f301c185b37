"""Files stay small enough to be read in one sitting."""

from tests.guards.source import ROOT, fail_with, source_files

MAX_LINES = 320


def test_file__is_short():
    sizes = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in source_files()}
    fail_with(
        [f"{path}:{size} lines" for path, size in sizes.items() if size > MAX_LINES],
        f"Split by meaning; at most {MAX_LINES} lines, better 300.",
    )
