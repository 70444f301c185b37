"""What a stage cost: time, items, and its own numbers."""

from dataclasses import dataclass, field

__all__ = ["StagePerfStats"]


@dataclass(frozen=True)
class StagePerfStats:
    """What one call of a stage cost; appended to every batch that came out of it.

    Args:
        stage_name: The stage.
        process_time: Seconds in ``process`` or ``process_batch``.
        idle_time: Seconds that its worker waited for work before.
        num_items: Items that went in.
        custom_metrics: What the stage logged itself, by name.
    """

    stage_name: str
    process_time: float = 0.0
    idle_time: float = 0.0
    num_items: int = 0
    custom_metrics: dict[str, float] = field(default_factory=dict)
