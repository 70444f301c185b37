"""check_model: the contract that every embedding model passes, yours included."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.checks.colors import (
    color_names_problems,
    color_order_problems,
    color_problems,
    frame_order_problems,
    known_answer_problems,
    normalisation_problems,
)
from models.checks.contract import (
    abilities_problems,
    batch_problems,
    dtype_problems,
    ids_problems,
    inputs_matter_problems,
    order_problems,
    padding_problems,
    repeat_problems,
    shape_problems,
    unit_problems,
)
from models.checks.input_forms import bad_input_problems, forms_problems, steps_problems
from models.checks.probes import NotApplicableError, Probe
from models.checks.unload import not_ready_problems, unload_problems
from models.known_answers import known_answer_frames
from models.reprs import html_table, text_table

__all__ = ["Check", "ConformanceReport", "check_model", "known_answer_frames"]

_CHECKS: tuple[tuple[str, str, Callable[[Probe], list[str]]], ...] = (
    ("ids", "fault", ids_problems),
    ("embeds something", "property", abilities_problems),
    ("shape", "fault", shape_problems),
    ("float32", "fault", dtype_problems),
    ("unit rows", "fault", unit_problems),
    ("inputs matter", "fault", inputs_matter_problems),
    ("repeatable", "fault", repeat_problems),
    ("order", "fault", order_problems),
    ("batch of one", "fault", batch_problems),
    ("text padding", "fault", padding_problems),
    ("input forms", "fault", forms_problems),
    ("two steps", "fault", steps_problems),
    ("bad inputs", "fault", bad_input_problems),
    ("known answers", "fault", known_answer_problems),
    ("colour order", "fault", color_order_problems),
    ("normalisation", "fault", normalisation_problems),
    ("sees colour", "property", color_problems),
    ("names colours", "property", color_names_problems),
    ("sees frame order", "property", frame_order_problems),
)
_UNLOAD_CHECKS: tuple[tuple[str, str, Callable[[Probe], list[str]]], ...] = (
    ("unload", "fault", unload_problems),
    ("says when it is not ready", "property", not_ready_problems),
)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Args:
        name: What was looked at.
        passed: Whether it holds.
        detail: What was seen, and what to do about a fault.
        kind: "fault" when a model must pass it; "property" when either answer is fine;
            "unchecked" when nothing could be seen, then the detail says why.
    """

    name: str
    passed: bool
    detail: str = ""
    kind: str = "fault"

    @property
    def verdict(self) -> str:
        """The result in short: "ok", "FAULT" or "not checked"; "yes" or "no" for a property."""
        if self.kind == "unchecked":
            return "not checked"
        if self.kind == "property":
            return "yes" if self.passed else "no"
        return "ok" if self.passed else "FAULT"


@dataclass(frozen=True)
class ConformanceReport:
    """What ``check_model`` found.

    Args:
        model_id: The model.
        checks: All checks that apply to it.
    """

    model_id: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no fault was found; properties do not count."""
        return not self.faults

    @property
    def faults(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.kind == "fault" and not check.passed)

    def check(self, name: str) -> Check:
        """One check by its name; a KeyError names those that were made."""
        by_name = {check.name: check for check in self.checks}
        if name not in by_name:
            raise KeyError(f"{name!r} was not checked; there are {', '.join(by_name)}.")
        return by_name[name]

    def rows(self) -> list[tuple[str, str, str]]:
        """The checks as rows of name, verdict and detail, for tables."""
        return [(check.name, check.verdict, check.detail) for check in self.checks]

    def __str__(self) -> str:
        return f"{self._headline}\n{text_table(self.rows())}"

    def _repr_html_(self) -> str:
        """The checks as a table."""
        return html_table(self.rows(), headers=["check", "result", "detail"], caption=self._headline)

    @property
    def _headline(self) -> str:
        """The result in one sentence."""
        if any(check.name == "embeds something" and not check.passed for check in self.checks):
            return f"{self.model_id}: no embedding model, so little was checked."
        count = len(self.faults)
        result = "conforms" if not count else f"has {count} fault{'s' if count > 1 else ''}"
        return f"{self.model_id} {result}."


def check_model(model: Any, *, unload: bool = True) -> ConformanceReport:
    """Hold a model against the contract of embedding models.

    Looks at shapes, dtype, unit rows, order, batches, accepted and refused inputs, colours,
    text padding, repeatability, known answers and memory. What a model cannot do (no texts, no
    clips) is left out; what cannot be seen (mean and std without known answers) is listed as not
    checked. A model that raises fails the check; this function does not raise.

    Args:
        model: A model, loaded or not (then ``setup()`` is called). Any object with
            ``embed_images``, ``embed_videos`` or ``embed_text`` will do.
        unload: Unload the model at the end, see that its memory is free, and set it up again.

    Returns:
        The report; its last expression in a cell is a table.

    Example:
        >>> from models.auto import AutoModel
        >>> check_model(AutoModel.from_pretrained("workbench/spriteclip-tiny", device="cpu")).passed
        True
    """
    try:
        probe = Probe.of(model)
    except Exception as error:  # an attribute that raises anything but AttributeError
        seen = Check("attributes", passed=False, detail=f"Reading one raised {type(error).__name__}: {error}")
        return ConformanceReport(type(model).__name__, (seen,))
    wanted = (*_CHECKS, *(_UNLOAD_CHECKS if unload and probe.sides else ()))
    checks = [_run(name, kind, function, probe) for name, kind, function in wanted]
    return ConformanceReport(probe.name, tuple(check for check in checks if check is not None))


def _run(name: str, kind: str, function: Callable[[Probe], list[str]], probe: Probe) -> Check | None:
    """Run one check; whatever the model raises is its result."""
    try:
        problems = function(probe)
    except NotApplicableError as reason:
        return Check(name, passed=True, detail=str(reason), kind="unchecked") if str(reason) else None
    except Exception as error:
        return Check(name, passed=False, detail=f"It raised {type(error).__name__}: {error}", kind=kind)
    return Check(name, passed=not problems, detail=" ".join(problems), kind=kind)
