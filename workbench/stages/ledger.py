"""The ledger of a pipeline: which tasks are finished, so that a run that was cut off goes on."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from workbench.errors import StageError
from workbench.stages.runs import TaskFailure
from workbench.stages.tasks import content_key, numbered

__all__ = ["Ledger"]


class Ledger:
    """An append-only file with a line of JSON for each finished task; a task is known by its content.

    Several runs may write to it at once. A line that was cut off counts as none.

    Args:
        folder: Where ``finished.jsonl`` lies; made when it is not there.
        stages: Names of the stages; a task that went through others is not finished.

    Attributes:
        skipped: Tasks that an earlier run had finished, so far.

    Raises:
        StageError: If the folder cannot be made or the file not be read.

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

    def __init__(self, folder: Path | str, stages: Iterable[str]) -> None:
        self.path = Path(folder) / "finished.jsonl"
        self.skipped = 0
        self._stages = "\n".join(stages)
        self._handed: list[tuple[str, str]] = []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._finished = set(_keys(self.path))
        except OSError as error:
            raise _unusable(self.path, error) from error

    def waiting(self, tasks: Iterable[Any]) -> Iterator[Any]:
        """Leave out the tasks that are finished.

        Args:
            tasks: All tasks; read only as far as needed.

        Yields:
            The others, in order, with the numbers that they have among all.
        """
        for task in numbered(tasks):
            key = hashlib.sha256(f"{self._stages}\n{content_key(task)}".encode()).hexdigest()[:32]
            if key in self._finished:
                self.skipped += 1
                continue
            self._handed.append((key, str(getattr(task, "task_id", ""))))
            yield task

    def finish(self, places: Iterable[int], failures: Sequence[TaskFailure] = ()) -> None:
        """Write down tasks whose results have all come out; those that failed are tried again next time.

        Args:
            places: Which of the tasks that ``waiting`` gave, from 0.
            failures: What failed so far.

        Raises:
            StageError: If the file cannot be written.
        """
        failed = {name for one in failures for name in one.task.split(", ")}
        done = [self._handed[place] for place in places]
        lines = [
            json.dumps({"key": key, "task": name}) + "\n"
            for key, name in done
            if not any(one == name or one.startswith(f"{name}_") for one in failed)
        ]
        try:
            self._append("".join(lines))
        except OSError as error:
            raise _unusable(self.path, error) from error

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


def _keys(path: Path) -> Iterator[str]:
    """Read the keys; lines that are none are passed over."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                yield str(json.loads(line)["key"])
            except (ValueError, TypeError, KeyError):
                continue


def _unusable(path: Path, error: OSError) -> StageError:
    """Say that there is no ledger to be had."""
    return StageError(
        f"The checkpoint {path} cannot be used: {error.strerror or error}.",
        next_step="Give checkpoint= a folder that you may write to; what is finished is in it still.",
    )
