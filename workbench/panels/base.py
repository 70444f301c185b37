"""What all panels have in common: a session, a painter, clicks whose errors show."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import ipywidgets
from traitlets import HasTraits

from workbench.panels import html
from workbench.panels.painter import Painter
from workbench.session import Session

__all__ = ["Panel", "Press", "StatusLine", "button", "hooked"]

LATE_S = 0.7
AnyWidget = TypeVar("AnyWidget", bound=ipywidgets.DOMWidget)


class Panel(ipywidgets.VBox):
    """A view over controllers: a box of widgets that can stand alone or in other boxes.

    Args:
        session: The state to show; its own when None.
        alone: Whether it stands alone; inside an app, the app has the style and the last message.
    """

    def __init__(self, session: Session | None = None, *, alone: bool = True) -> None:
        super().__init__()
        self._owns_session = session is None
        self.session = session if session is not None else Session()
        self._painter = Painter.of(self.session)
        self._followed: list[tuple[HasTraits, Callable[[Any], None], list[str]]] = []
        self._painting = False
        self._alone = alone
        self.add_class("wb-panel")
        self.add_class("wb-root")

    def close(self) -> None:
        """Stop following the session and close every widget inside; a session of its own ends too."""
        if self.comm is None:  # closed before, or never opened
            return
        for owner, handler, names in self._followed:
            owner.unobserve(handler, names)
        self._followed = []
        for child in self.children:
            close_tree(child)
        if self._owns_session:
            self.session.close()
        super().close()

    def _fill(self, *parts: ipywidgets.Widget) -> None:
        """Put the parts in; a panel that stands alone has its style and the last message with it."""
        if self._alone:
            style = html.block(html.style_sheet(), hook="wb-style")
            self.children = [style, *parts, StatusLine(self.session)]
        else:
            self.children = parts

    def _follow(self, owner: HasTraits, names: str | Sequence[str], paint: Callable[[], None]) -> None:
        """Paint now, and again whenever one of the traits changes, in whatever thread."""
        listed = [names] if isinstance(names, str) else list(names)

        def quietly() -> None:
            self._painting = True
            try:
                paint()
            finally:
                self._painting = False

        def handler(_: Any) -> None:
            self._painter.ask(quietly)

        owner.observe(handler, listed)
        self._followed.append((owner, handler, listed))
        quietly()

    def _do(self, action: Callable[[], Any], doing: str) -> Callable[..., None]:
        """Wrap what a click does: ipywidgets would swallow its errors, the panel shows them."""

        def guarded(*_: Any) -> None:
            try:
                action()
            except Exception as error:
                self.session.report(error, doing)

        return guarded

    def _take(self, widget: ipywidgets.Widget, trait: str, take: Callable[[Any], Any], doing: str) -> None:
        """Hand over what the user set in a widget, guarded like a click; not what we painted."""

        def changed(change: dict[str, Any]) -> None:
            if self._painting:
                return
            self._do(lambda: take(change["new"]), doing)()

        widget.observe(changed, trait)


class Press:
    """A button whose question is typed in a box.

    The browser sends a click at once but holds typed text back while the kernel is busy, so the last
    letters may come after the click that was made behind them. Such text counts as part of the click.

    Args:
        action: What a click does.
    """

    def __init__(self, action: Callable[[], Any]) -> None:
        self._action = action
        self._pressed_s = -LATE_S

    def __call__(self) -> None:
        """Do it."""
        self._pressed_s = time.monotonic()
        self._action()

    def text_came(self) -> None:
        """Do it again when the text belongs to a click that has just been made."""
        if time.monotonic() - self._pressed_s < LATE_S:
            self._action()


class StatusLine(ipywidgets.VBox):
    """The last message or error of a session.

    Args:
        session: Whose messages.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._line = html.block(hook="wb-status")
        self._painter = Painter.of(session)
        self.children = [self._line]
        self.add_class("wb-status-box")
        session.observe(self._changed, "status")
        self._paint()

    def close(self) -> None:
        """Stop following the session."""
        if self.comm is not None:
            self.session.unobserve(self._changed, "status")
        super().close()

    def _changed(self, _: Any) -> None:
        """Have the new message painted."""
        self._painter.ask(self._paint)

    def _paint(self) -> None:
        """Show the message."""
        self._line.value = html.status_line(self.session.status)


def close_tree(widget: ipywidgets.Widget) -> None:
    """Close a widget and everything in it.

    Args:
        widget: Any widget; a panel closes its own children.
    """
    if isinstance(widget, ipywidgets.Box) and not isinstance(widget, Panel):
        for child in widget.children:
            close_tree(child)
    widget.close()


def hooked(widget: AnyWidget, hooks: str) -> AnyWidget:
    """Give a widget its CSS classes.

    Args:
        widget: Any widget.
        hooks: Classes, separated by spaces.

    Returns:
        The same widget.
    """
    for name in hooks.split():
        widget.add_class(name)
    return widget


def button(text: str, hooks: str, tooltip: str, *, main: bool = False) -> ipywidgets.Button:
    """Make a button.

    Args:
        text: What it says.
        hooks: CSS classes.
        tooltip: What it does.
        main: Whether it is the thing to press.

    Returns:
        The button.
    """
    style = "primary" if main else ""
    return hooked(
        ipywidgets.Button(description=text, tooltip=tooltip, button_style=style, layout={"width": "auto"}),
        hooks,
    )
