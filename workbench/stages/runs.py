"""What a run of a pipeline hands out: how far it is, what came out, what failed, what it cost."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from models.reprs import html_table
from workbench.wording import counted, duration_text

__all__ = ["OnDone", "PipelineProgress", "PipelineResult", "StageStats", "TaskFailure"]

_MOST_PROBLEMS = 20  # in a table


@dataclass(frozen=True)
class TaskFailure:
    """A task that a stage failed on: the names of both, and the error.

    Args:
        stage: Name of the stage.
        task: Name of the task.
        error: What went wrong.
        origins: Places of the initial tasks that it was made of.
    """

    stage: str
    task: str
    error: str
    origins: frozenset[int] = field(default=frozenset(), compare=False, repr=False)


OnDone = Callable[[Iterable[int], Sequence[TaskFailure]], None]
"""Called with the places of initial tasks whose results have all come out, and the failures so far."""


@dataclass(repr=False)
class StageStats:
    """What a stage cost in a run: calls, tasks and items in, tasks out, seconds of work and of waiting."""

    name: str
    calls: int = 0
    tasks_in: int = 0
    tasks_out: int = 0
    items: int = 0
    process_s: float = 0.0
    idle_s: float = 0.0

    def __repr__(self) -> str:
        parts = [counted(self.calls, "call"), f"{self.tasks_in:,} tasks in, {self.tasks_out:,} out"]
        parts += [
            counted(self.items, "item"),
            f"{self.process_s:.2f} s of work, {self.idle_s:.2f} s of waiting",
        ]
        return f"StageStats({self.name}: {' · '.join(parts)})"

    def add(self, more: "StageStats") -> None:
        """Add what other calls of the same stage cost."""
        for cost in fields(self)[1:]:
            setattr(self, cost.name, getattr(self, cost.name) + getattr(more, cost.name))


@dataclass(frozen=True)
class PipelineProgress:
    """How far a pipeline is; a snapshot that never changes.

    Args:
        done: Initial tasks that went through all stages, or were dropped on the way.
        total: Initial tasks; None while unknown.
        tasks_out: Tasks that came out of the last stage.
        items_out: Their items.
        failed: Tasks that a stage failed on.
        rate: Items per second over the last seconds.
        state: "queued", "loading", "running", "stopping", "stopped", "done" or "failed".
    """

    done: int = 0
    total: int | None = None
    tasks_out: int = 0
    items_out: int = 0
    failed: int = 0
    rate: float = 0.0
    state: str = "queued"

    @property
    def fraction(self) -> float:
        """Share of the initial tasks dealt with, 0..1; 0 while their number is unknown."""
        if self.state == "done":
            return 1.0
        return self.done / self.total if self.total else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds to go, from the pace so far; None while unknown."""
        if not (self.total and self.done and self.rate and self.items_out):
            return None
        return (self.total - self.done) * (self.items_out / self.done) / self.rate

    @property
    def text(self) -> str:
        """One line for people.

        Example:
            >>> PipelineProgress(2, 4, tasks_out=2, items_out=64, rate=32.0, state="running").text
            '2 of 4 tasks · 64 items · 32.0 items/s · 2 s left'
        """
        if self.state in {"queued", "loading"}:
            return "Loading"
        of = f" of {self.total:,}" if self.total is not None else ""
        parts = [f"{self.done:,}{of} tasks", f"{self.items_out:,} items"]
        parts += [f"{self.failed:,} failed"] if self.failed else []
        parts += [f"{self.rate:.1f} items/s"] if self.rate else []
        if self.state != "running":
            parts.append(self.state)
        elif self.eta_s is not None:
            parts.append(f"{duration_text(self.eta_s)} left")
        return " · ".join(parts)


class PipelineResult(list[Any]):
    """The tasks that came out of the last stage, in order.

    Args:
        tasks: The tasks.
        failures: Tasks that a stage failed on, when failures are ignored.
        stats: What each stage cost.
        stopped: Whether the run was stopped before its end.

    Attributes:
        resumed: Tasks that an earlier run with the same checkpoint had finished; they are not in the list.
    """

    resumed = 0

    def __init__(
        self,
        tasks: Iterable[Any] = (),
        *,
        failures: Iterable[TaskFailure] = (),
        stats: Iterable[StageStats] = (),
        stopped: bool = False,
    ) -> None:
        super().__init__(tasks)
        self.failures = list(failures)
        self.stats = list(stats)
        self.stopped = stopped

    @property
    def items(self) -> list[Any]:
        """All items of all tasks, in order."""
        return [item for task in self for item in getattr(task, "data", ())]

    @property
    def caption(self) -> str:
        """What came out, in one line.

        Example:
            >>> PipelineResult([], stopped=True).caption
            '0 tasks, 0 items · stopped early'
        """
        items = self.items
        broken = sum(bool(getattr(item, "errors", None)) for item in items)
        parts = [f"{counted(len(self), 'task')}, {counted(len(items), 'item')}"]
        parts += [f"{broken:,} items with errors"] if broken else []
        parts += [f"{self.resumed:,} tasks finished before"] if self.resumed else []
        parts += [f"{counted(len(self.failures), 'task')} failed"] if self.failures else []
        return " · ".join([*parts, *(["stopped early"] if self.stopped else [])])

    def _repr_html_(self) -> str:
        """What each stage took in, gave and cost, as a table; then what could not be done."""
        rows = [
            (one.name, f"{one.items:,}", f"{one.tasks_in:,} to {one.tasks_out:,}", f"{one.process_s:.2f} s")
            for one in self.stats
        ]
        costs = html_table(rows, headers=["stage", "items", "tasks", "time"], caption=self.caption)
        problems = self._problems()
        if not problems:
            return costs
        more = len(problems) - _MOST_PROBLEMS
        shown = problems[:_MOST_PROBLEMS] + ([("", f"and {more:,} more")] if more > 0 else [])
        return costs + html_table(shown, headers=["stage", "what went wrong"])

    def _problems(self) -> list[tuple[str, str]]:
        """What went wrong, and at which stage: with whole tasks, then with items."""
        tasks = [(one.stage, f"{one.task}: {one.error}") for one in self.failures]
        return tasks + [pair for item in self.items for pair in getattr(item, "errors", {}).items()]
