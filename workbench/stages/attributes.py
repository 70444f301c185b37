"""What a stage needs of a task and gives to it: names of attributes."""

from typing import TYPE_CHECKING, Any

from workbench.errors import StageError

if TYPE_CHECKING:
    from workbench.stages.base import ProcessingStage

__all__ = ["Attributes", "attributes_for", "stage_attributes"]

Attributes = tuple[list[str], list[str]]


def stage_attributes(spec: "Attributes | dict[type, Attributes]") -> list[str]:
    """List the names in what ``inputs()`` or ``outputs()`` gives, those of the items as ``data.name``.

    Args:
        spec: A pair of lists of names, or one per type of task.

    Returns:
        The names, each once.

    Example:
        >>> stage_attributes(([], ["image_data"]))
        ['data.image_data']
    """
    pairs = spec.values() if isinstance(spec, dict) else [spec]
    try:
        names = [[*of_task, *(f"data.{name}" for name in of_items)] for of_task, of_items in pairs]
    except (TypeError, ValueError) as error:
        raise StageError(f"{spec!r} is no pair of lists of names.") from error
    return list(dict.fromkeys(name for part in names for name in part))


def attributes_for(stage: "ProcessingStage[Any, Any]", task: Any) -> Attributes:
    """Read ``inputs()`` for the type of a task; the nearest class in its ancestry counts.

    Args:
        stage: The stage.
        task: A task.

    Returns:
        Names of attributes of the task, and of each of its items.

    Raises:
        StageError: If the stage does not take such a task, or gives no pair of lists of names.
    """
    spec: Any = stage.inputs()
    if isinstance(spec, dict):
        nearest = next((kind for kind in type(task).__mro__ if kind in spec), None)
        if nearest is None:
            names = ", ".join(kind.__name__ for kind in spec)
            raise StageError(f"Stage {stage.name!r} takes {names}; {task!r} came.")
        spec = spec[nearest]
    try:
        of_task, of_items = spec
        return [str(name) for name in of_task], [str(name) for name in of_items]
    except (TypeError, ValueError) as error:
        raise StageError(
            f"inputs() of stage {stage.name!r} gives {spec!r}; two lists of names are expected."
        ) from error
