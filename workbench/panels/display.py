"""Show a panel in a notebook: the live one, and a static picture that stays in the saved file."""

import sys
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from workbench.controllers.base import run_in_thread
from workbench.panels.base import Panel
from workbench.panels.painter import Painter

__all__ = ["LiveDisplay", "OnHomeThread"]

REDRAW_AFTER_S = 1.0  # a picture is for later readers: it may lag behind the panel

_shown: dict[str, tuple[str, "weakref.WeakSet[Panel]"]] = {}  # by cell: the run, and what it showed


class LiveDisplay:
    """How one panel appears in cells.

    The first display in a run puts the static picture before the live panel, where the panel's style
    hides it. When a cell is run again, what its earlier run showed is closed: nobody sees it any more.

    Args:
        panel: What is shown.
        draw: Makes the static picture: HTML that needs no kernel.
    """

    def __init__(self, panel: Panel, draw: Callable[[], str]) -> None:
        self._panel = weakref.ref(panel)
        self._painter = Painter.of(panel.session)
        self._draw = draw
        self._handles: list[Any] = []
        self._redraw_is_due = False

    def bundle(self, live: dict[str, Any]) -> dict[str, Any]:
        """Complete what ipywidgets shows.

        Args:
            live: The mime bundle of the live widget.

        Returns:
            The same, with HTML for where there is no kernel to update it.
        """
        parent = _parent_message()
        if parent is None:
            return {**live, "text/html": self._draw()}
        self._take_over(parent)
        from IPython.display import HTML, display

        self._handles.append(display(HTML(self._draw()), display_id=True))
        return {**live, "text/plain": "Workbench: run this cell for the live panel."}

    def changed(self) -> None:
        """Have the static picture drawn again soon; many changes cost one drawing."""
        if self._handles and not self._redraw_is_due:
            self._redraw_is_due = True
            self._painter.after(REDRAW_AFTER_S, self._redraw)

    def close(self) -> None:
        """Leave the picture as it is from now on."""
        self._handles = []

    def _redraw(self) -> None:
        """Draw in a thread, since posters may have to be decoded; then replace the picture."""
        self._redraw_is_due = False
        drawn: Future[str] = Future()

        def finish(error: BaseException | None) -> None:
            if error is not None and (panel := self._panel()) is not None:
                panel.session.report(error, "drawing the static picture")

        drawn.add_done_callback(self._replace)
        run_in_thread(drawn, self._draw, finish, "workbench: static picture")

    def _replace(self, drawn: "Future[str]") -> None:
        """Hand the new picture to the notebook, on the kernel's thread."""
        if drawn.exception() is not None:
            return

        def update() -> None:
            from IPython.display import HTML

            for handle in self._handles:
                handle.update(HTML(drawn.result()))

        self._painter.call(update)

    def _take_over(self, parent: dict[str, Any]) -> None:
        """Close what the earlier run of this cell showed."""
        cell = parent.get("metadata", {}).get("cellId", "")
        run = parent.get("header", {}).get("msg_id", "")
        panel = self._panel()
        if not cell or panel is None:
            return
        earlier, panels = _shown.get(cell, ("", weakref.WeakSet()))
        if earlier != run:
            for old in [old for old in panels if old is not panel]:
                old.close()
            panels = weakref.WeakSet()
        panels.add(panel)
        _shown[cell] = (run, panels)


class OnHomeThread:
    """An observer that always runs on the thread that made the panel.

    Args:
        handler: The function to call with each change.
        painter: Knows the thread.
    """

    def __init__(self, handler: Callable[[Any], Any], painter: Painter) -> None:
        self._handler = handler
        self._painter = painter

    def __call__(self, change: Any) -> None:
        """Hand the change over."""
        self._painter.call(lambda: self._handler(change))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OnHomeThread) and self._handler == other._handler

    def __hash__(self) -> int:
        return hash(self._handler)


def _parent_message() -> dict[str, Any] | None:
    """The message that the kernel works on, or None without a kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell.get_parent() if shell is not None and hasattr(shell, "kernel") else None
