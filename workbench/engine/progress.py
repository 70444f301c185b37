"""A progress line where somebody sees it: one updating display in a notebook, rich in a terminal."""

import contextlib
import sys
import time
from collections.abc import Callable, Generator
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.engine.records import EmbedProgress

if TYPE_CHECKING:
    from workbench.engine.job import Job

SHOW_EVERY_S = 0.1  # seconds between two looks at the progress
Show = Callable[[EmbedProgress], None]


@contextlib.contextmanager
def progress_display(*, wanted: bool) -> Generator[Show, None, None]:
    """Open the progress display that fits the place.

    Args:
        wanted: False shows nothing.

    Yields:
        A function to call with each new progress; it does nothing where nobody looks.
    """
    if not wanted:
        yield lambda _: None
    elif _in_notebook():
        yield _notebook_display()
    elif sys.stderr.isatty():
        with _terminal_display() as show:
            yield show
    else:
        yield lambda _: None


def wait_showing(job: "Job[Any]", *, wanted: bool) -> None:
    """Wait until a job has ended and show its progress meanwhile.

    Args:
        job: The job; Ctrl-C stops it.
        wanted: False waits without showing anything.

    Raises:
        KeyboardInterrupt: After Ctrl-C, once the job has ended; what is done is in its result.
    """
    with progress_display(wanted=wanted) as show:
        try:
            while not job.wait(SHOW_EVERY_S):
                show(job.progress)
        except KeyboardInterrupt:
            job.stop()
            job.wait()
            raise
        finally:
            show(job.progress)


def shown_progress(also: Show | None = None) -> Show:
    """Open the progress display for a job in the background, and close it with the job's last state.

    Args:
        also: Called with every progress, displayed or not.

    Returns:
        A listener for ``submit_embed(on_progress=...)``; it draws at most ten times a second.
    """
    stack = contextlib.ExitStack()
    show = stack.enter_context(progress_display(wanted=True))
    drawn_s = [float("-inf")]

    def listen(progress: EmbedProgress) -> None:
        now_s = time.monotonic()
        if progress.finished or now_s - drawn_s[0] >= SHOW_EVERY_S:
            drawn_s[0] = now_s
            show(progress)
        if progress.finished:
            stack.close()
        if also is not None:
            also(progress)

    return listen


def progress_html(progress: EmbedProgress) -> str:
    """Draw a progress bar with its line of text, in the colours of the notebook's theme."""
    percent = 100.0 * progress.fraction
    colour = {"failed": "var(--jp-error-color1, #d32f2f)", "done": "var(--jp-success-color1, #388e3c)"}.get(
        progress.state, "var(--jp-brand-color1, #1976d2)"
    )
    return (
        '<div style="display:flex;align-items:center;gap:10px;flex-wrap:wrap;font-size:13px;'
        'font-variant-numeric:tabular-nums;color:var(--jp-ui-font-color1, inherit)">'
        '<div role="progressbar" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent:.0f}" style="width:220px;height:8px;border-radius:4px;overflow:hidden;'
        'background:var(--jp-border-color2, #8884)">'
        f'<div style="width:{percent:.1f}%;height:100%;background:{colour}"></div></div>'
        f"<span>{escape(progress.text)}</span></div>"
    )


def _in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel; asks without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _notebook_display() -> Show:
    """Show one output that is updated in place; needs no ipywidgets."""
    from IPython.display import display

    handle: list[Any] = []
    shown: list[EmbedProgress] = []

    def show(progress: EmbedProgress) -> None:
        if shown[-1:] == [progress]:
            return
        shown[:] = [progress]
        bundle = {"text/plain": progress.text, "text/html": progress_html(progress)}
        if handle:
            handle[0].update(bundle, raw=True)
        else:
            handle.append(display(bundle, raw=True, display_id=True))

    return show


@contextlib.contextmanager
def _terminal_display() -> Generator[Show, None, None]:
    """Show one line at the bottom of the terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Loading", total=None)

        def show(progress: EmbedProgress) -> None:
            total = progress.total or None
            bar.update(task, completed=progress.done, total=total, description=progress.text)

        yield show
