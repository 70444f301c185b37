"""The one place that makes HTML: every name and text is escaped here."""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path

import ipywidgets

from workbench.session import Status
from workbench.widgets.assets import style

__all__ = [
    "block",
    "details",
    "facts",
    "good_note",
    "heading",
    "note",
    "problem_list",
    "problem_note",
    "status_line",
    "style_sheet",
    "title",
]

LIMIT = 100  # lines of a list; the rest is counted
ROLES = {"error": "alert", "warning": "alert"}
SIGNS = {"info": "○", "busy": "◔", "ok": "✓", "warning": "!", "error": "✕"}


def block(html: str = "", *, hook: str = "") -> ipywidgets.HTML:
    """Make a widget that shows HTML made by the functions below.

    Args:
        html: Made here, so already escaped.
        hook: CSS classes of the widget, separated by spaces.

    Returns:
        The widget; set its `value` to change what it shows.
    """
    widget = ipywidgets.HTML(html)
    for name in hook.split():
        widget.add_class(name)
    return widget


@cache
def style_sheet() -> str:
    """Return the style of all panels as a `<style>` element."""
    own = (Path(__file__).parent / "panels.css").read_text(encoding="utf-8")
    return f"<style>{style()}\n{own}</style>"


def heading(text: str, detail: str = "") -> str:
    """Title a part of the panel.

    Args:
        text: The title.
        detail: Smaller words beside it.

    Returns:
        HTML.

    Example:
        >>> heading("Clips", "<24>")
        '<div class="wb-heading"><span>Clips</span><small>&lt;24&gt;</small></div>'
    """
    return f'<div class="wb-heading"><span>{escape(text)}</span><small>{escape(detail)}</small></div>'


def title(name: str, words: Iterable[str]) -> str:
    """Head a whole app.

    Args:
        name: Its name.
        words: What is being worked on.

    Returns:
        HTML.
    """
    spans = "".join(f"<span>{escape(word)}</span>" for word in words)
    return f'<div class="wb-title"><b>{escape(name)}</b>{spans}</div>'


def note(text: str, kind: str = "muted") -> str:
    """Say something in small letters.

    Args:
        text: What to say; empty gives nothing.
        kind: "muted", "warn" or "error".

    Returns:
        HTML.
    """
    classes = {"muted": "wb-muted", "warn": "wb-warn-text", "error": "wb-error-text"}
    return f'<div class="wb-note {classes[kind]}">{escape(text)}</div>' if text else ""


def problem_note(status: Status | None) -> str:
    """Say what went wrong where it was caused, and what to do about it.

    Args:
        status: A warning or an error; None gives nothing.

    Returns:
        HTML.
    """
    if status is None:
        return ""
    kind = "wb-error-text" if status.level == "error" else "wb-warn-text"
    step = f"<div class='wb-muted'>{escape(status.next_step)}</div>" if status.next_step else ""
    return f"<div class='wb-note' role='alert'><div class='{kind}'>{escape(status.text)}</div>{step}</div>"


def good_note(text: str) -> str:
    """Say in small letters that something was checked and is right.

    Args:
        text: What; empty gives nothing.

    Returns:
        HTML.

    Example:
        >>> good_note("checked")
        '<div class="wb-note wb-good-text"><span aria-hidden="true">✓</span> checked</div>'
    """
    sign = '<span aria-hidden="true">✓</span>'
    return f'<div class="wb-note wb-good-text">{sign} {escape(text)}</div>' if text else ""


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Lay out pairs (what, value).

    Args:
        rows: The pairs.

    Returns:
        An HTML table; long values wrap.
    """
    lines = "".join(
        f"<tr><th scope='row'>{escape(what)}</th><td>{escape(value)}</td></tr>" for what, value in rows
    )
    return f"<table class='wb-facts'><tbody>{lines}</tbody></table>" if lines else ""


def details(summary: str, inner: str, *, opened: bool = False) -> str:
    """Hide something one click away.

    Args:
        summary: The line that is always there.
        inner: HTML made here.
        opened: Whether it starts open.

    Returns:
        HTML; nothing when there is nothing to hide.
    """
    if not inner:
        return ""
    flag = " open" if opened else ""
    return f"<details class='wb-details'{flag}><summary>{escape(summary)}</summary>{inner}</details>"


def problem_list(summary: str, problems: Sequence[tuple[str, str]], *, opened: bool = False) -> str:
    """List what went wrong with which thing.

    Args:
        summary: The line that is always there.
        problems: Pairs (name, reason); long lists are cut and counted.
        opened: Whether it starts open.

    Returns:
        HTML; nothing without problems.
    """
    lines = "".join(
        f"<li><b>{escape(name)}</b><span>{escape(reason)}</span></li>" for name, reason in problems[:LIMIT]
    )
    more = f"<li>and {len(problems) - LIMIT} more</li>" if len(problems) > LIMIT else ""
    return details(summary, f"<ul class='wb-problems'>{lines}{more}</ul>" if problems else "", opened=opened)


def status_line(status: Status) -> str:
    """Show the last message; an error with its next step, its trace one click away.

    Args:
        status: What to show.

    Returns:
        HTML that screen readers announce.
    """
    role = ROLES.get(status.level, "status")
    live = "assertive" if role == "alert" else "polite"
    step = f"<span class='wb-next'>{escape(status.next_step)}</span>" if status.next_step else ""
    trace = details("Trace", f"<pre>{escape(status.trace)}</pre>") if status.trace else ""
    return (
        f"<div class='wb-status-{status.level}' role='{role}' aria-live='{live}'>"
        f"<span class='wb-sign' aria-hidden='true'>{SIGNS[status.level]}</span>"
        f"<div><span class='wb-said'>{escape(status.text)}</span>{step}{trace}</div></div>"
    )
