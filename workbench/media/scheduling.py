"""The scheduling of a thread, kept as it was whatever a library does to it."""

import os
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["kept_scheduling"]


@contextmanager
def kept_scheduling() -> Generator[None]:
    """Give the calling thread its scheduling back at the end of a block.

    SVT-AV1 switches the thread that opens its encoder to real time where it may, as root may. Everything that
    thread does afterwards, and every process it starts, would keep all other programs from the processors.

    Yields:
        Nothing.

    Example:
        >>> with kept_scheduling():
        ...     pass
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)
