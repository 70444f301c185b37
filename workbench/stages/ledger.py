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
from workbench.stages.tasks import content_key, numbered

__all__ = ["Ledger"]


class Ledger:
    """An append-only file with a line of JSON for each finished task; a task is known by its content.

    Several runs may write to it at once. A line that was cut off counts as none.

    Args:
        folder: Where ``finished.jsonl`` lies; made when it is not there.
        stages: Names of the stages; a task that went through others is not finished.
        settings: What each of them was made with, by name: stages of these names must have been made alike.

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
    ) -> None:
        self.path = Path(folder) / "finished.jsonl"
        self.skipped = 0
        self._stages = "\n".join(stages)
        self._settings = settings or {}
        self._handed: list[tuple[str, str]] = []
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = list(_lines(self.path))
        except OSError as error:
            raise _unusable(self.path, error) from error
        self._finished = {line["key"] for line in lines if isinstance(line.get("key"), str)}
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
        head = {"stages": self._stages, "settings": self._settings}
        lines = [] if self._begun else [json.dumps(head) + "\n"]
        lines += [
            json.dumps({"key": key, "task": name}) + "\n"
            for key, name in done
            if not any(one == name or one.startswith(f"{name}_") for one in failed)
        ]
        try:
            self._append("".join(lines))
            self._begun = True
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _check(self, before: Any) -> None:
        """Refuse what was finished by stages with other settings."""
        for name, options in self._settings.items():
            known = before.get(name, {}) if isinstance(before, dict) else {}
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


def _unusable(path: Path, error: OSError) -> StageError:
    """Say that there is no ledger to be had."""
    return StageError(
        f"The checkpoint {path} cannot be used: {error.strerror or error}.",
        next_step="Give checkpoint= a folder that you may write to; what is finished is in it still.",
    )
