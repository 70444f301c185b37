"""The ledger of a pipeline: which tasks are finished, so that a run that was cut off goes on."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.json_text import parse_json
from workbench.errors import StageError
from workbench.stages.runs import TaskFailure
from workbench.stages.tasks import Task, identity_of, item_identity, numbered

__all__ = ["Ledger"]


class Ledger:
    """An append-only file with a line of JSON for each finished task; a task is known by its content.

    Several runs may write to it at once. A line that was cut off counts as none.

    Args:
        folder: Where ``finished.jsonl`` lies; made when it is not there.
        stages: Names of the stages; a task that went through others is not finished.
        settings: What each of them was made with, by name: stages of these names must have been made alike.
        by_item: Whether a task is known by each of its items: those that are finished are left out of it, so
            that tasks which are put together anew, from more than there was, repeat nothing.

    Attributes:
        skipped: Tasks that an earlier run had finished, so far.

    Raises:
        StageError: If the folder cannot be made or the file not be read, or if the stages had other
            settings: what they finished is not what is wanted now.

    Example:
        >>> import tempfile
        >>> from workbench.stages import ImageBatch, ImageObject
        >>> folder = tempfile.mkdtemp()
        >>> tasks = [ImageBatch(data=[ImageObject(image_id=name)]) for name in "ab"]
        >>> ledger = Ledger(folder, ["embed"])
        >>> first = next(ledger.waiting(tasks))
        >>> ledger.finish([0])
        >>> [task.data[0].image_id for task in Ledger(folder, ["embed"]).waiting(tasks)]
        ['b']
    """

    def __init__(
        self,
        folder: Path | str,
        stages: Iterable[str],
        settings: Mapping[str, Mapping[str, str]] | None = None,
        *,
        by_item: bool = False,
    ) -> None:
        self.path = Path(folder) / "finished.jsonl"
        self.skipped = 0
        self._stages = "\n".join(stages)
        self._settings = settings or {}
        self._by_item = by_item
        self._handed: list[dict[str, Any]] = []  # the line of each task that was given
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = list(_lines(self.path))
        except OSError as error:
            raise _unusable(self.path, error) from error
        self._finished = {line["key"] for line in lines if isinstance(line.get("key"), str)}
        self._finished.update(str(item) for line in lines for item in _list_of(line.get("items")))
        heads = [line.get("settings") for line in lines if line.get("stages") == self._stages]
        self._begun = bool(heads)
        for head in heads:
            self._check(head)

    def waiting(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Leave out the tasks that are finished.

        Args:
            tasks: All tasks; read only as far as needed.

        Yields:
            The others, in order, with the numbers that they have among all.
        """
        for task in numbered(tasks):
            by_item = self._by_item and isinstance(task, Task) and bool(task.data)
            items = self._leave_out(task) if by_item else []
            key = self._key(identity_of(task))
            if key in self._finished or (by_item and not items):
                self.skipped += 1
                continue
            line = {"key": key, "task": str(getattr(task, "task_id", ""))}
            self._handed.append({**line, "items": items} if items else line)
            yield task

    def _leave_out(self, task: Task[Any]) -> list[str]:
        """Take the finished items out of a task; the keys of the others."""
        keys = [self._key(item_identity(item, task.dataset_name)) for item in task.data]
        left = [place for place, key in enumerate(keys) if key not in self._finished]
        if len(left) < len(keys):
            task.data = [task.data[place] for place in left]
            task.identity = ""
            task.identity = identity_of(task)
        return [keys[place] for place in left]

    def _key(self, identity: str) -> str:
        """Name something that goes through these stages."""
        return hashlib.sha256(f"{self._stages}\n{identity}".encode()).hexdigest()[:32]

    def finish(self, places: Iterable[int], failures: Sequence[TaskFailure] = ()) -> None:
        """Write down tasks whose results have all come out; those that failed are tried again next time.

        Args:
            places: Which of the tasks that ``waiting`` gave, from 0.
            failures: What failed so far.

        Raises:
            StageError: If the file cannot be written.
        """
        failed = frozenset[int]().union(*(one.origins for one in failures))
        head = {"stages": self._stages, "settings": self._settings}
        lines = [] if self._begun else [json.dumps(head) + "\n"]
        lines += [json.dumps(self._handed[place]) + "\n" for place in places if place not in failed]
        try:
            self._append("".join(lines))
            self._begun = True
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _check(self, before: Any) -> None:
        """Refuse what was finished by stages with other settings."""
        for name, options in self._settings.items():
            known = before.get(name) if isinstance(before, dict) else None
            known = known if isinstance(known, dict) else {}
            changed = sorted(key for key in {*known, *options} if known.get(key) != options.get(key))
            if changed:
                was, is_now = (each.get(changed[0], "not set") for each in (known, options))
                raise StageError(
                    f"The checkpoint {self.path} was made with other settings: {changed[0]} of stage "
                    f"{name!r} was {was}, now it is {is_now}.",
                    next_step="Take another folder for these settings, or remove that one to start anew.",
                )

    def _append(self, text: str) -> None:
        """Write lines that are on the disk when this returns."""
        if not text:
            return
        with self.path.open("ab+") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                text = text if file.read(1) == b"\n" else f"\n{text}"
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read the lines; what is none is passed over."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for text in lines:
            try:
                line = parse_json(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line


def _list_of(value: Any) -> list[Any]:
    """A list, when it is one."""
    return value if isinstance(value, list) else []


def _unusable(path: Path, error: OSError) -> StageError:
    """Say that there is no ledger to be had."""
    return StageError(
        f"The checkpoint {path} cannot be used: {error.strerror or error}.",
        next_step="Give checkpoint= a folder that you may write to; what is finished is in it still.",
    )
