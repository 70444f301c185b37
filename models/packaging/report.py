"""Show in the terminal how far a download is, for calls that have no panel to show it in."""

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from models.packaging.plan import DownloadProgress
from models.reprs import readable_size

_logger = logging.getLogger("models")


@contextmanager
def report_progress(model_id: str) -> Generator[Callable[[DownloadProgress], None], None, None]:
    """Report one download: on one line of a terminal, else at every tenth in the log of "models".

    Args:
        model_id: What is fetched.

    Yields:
        What the download calls with its progress.
    """
    terminal = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
    tenths: set[int] = set()

    def report(progress: DownloadProgress) -> None:
        """Show one number."""
        share = progress.done_bytes / max(progress.total_bytes, 1)
        text = f"Downloading {model_id}: {share:.0%} of {readable_size(progress.total_bytes)}"
        if terminal is not None:
            terminal.write(f"\r{text} {progress.file:.40}\033[K")
            terminal.flush()
        elif int(share * 10) not in tenths:
            tenths.add(int(share * 10))
            _logger.info(text)

    try:
        yield report
    finally:
        if terminal is not None:
            terminal.write("\n")
