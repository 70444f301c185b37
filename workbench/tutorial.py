"""Checks for the tutorials: a tick the reader sees turn green, or what is still missing."""

from dataclasses import dataclass
from html import escape

_GREEN, _AMBER = "var(--jp-success-color1, #2e7d32)", "var(--jp-warn-color1, #ef6c00)"


@dataclass(frozen=True)
class Verdict:
    """What a check found; shown as a coloured line.

    Args:
        passed: Whether it is right.
        text: What to say.
    """

    passed: bool
    text: str

    def __repr__(self) -> str:
        return f"{'✓' if self.passed else '…'} {self.text}"

    def _repr_html_(self) -> str:
        colour, mark = (_GREEN, "✓") if self.passed else (_AMBER, "…")
        return (
            f'<div style="display:flex;gap:10px;align-items:center;margin:4px 0;padding:10px 14px;'
            f'border:1px solid {colour};border-left-width:6px;border-radius:6px">'
            f'<span style="color:{colour};font-size:20px;line-height:1">{mark}</span>'
            f"<span>{escape(self.text)}</span></div>"
        )


def check(passed: object, good: str, otherwise: str) -> Verdict:
    """Check the end of a tutorial.

    Args:
        passed: What must hold.
        good: What to say when it does.
        otherwise: What went wrong and what to look at, when it does not.

    Returns:
        A green line.

    Raises:
        AssertionError: If it does not hold; so a test of the notebook fails too.

    Example:
        >>> check(1 + 1 == 2, "The sum is right.", "Look at the sum again.")
        ✓ The sum is right.
    """
    if not passed:
        raise AssertionError(otherwise)
    return Verdict(passed=True, text=good)


def exercise(solved: object, good: str, hint: str) -> Verdict:
    """Check an exercise; an open one is no error.

    Args:
        solved: What the reader shall bring about.
        good: What to say then.
        hint: What helps until then.

    Returns:
        A green line when it is solved, else an amber one with the hint.

    Example:
        >>> exercise(False, "Found it.", "Try another word.")
        … Try another word.
    """
    return Verdict(passed=bool(solved), text=good if solved else hint)
