"""Counts as arguments: threads, frames, workers, samples."""

from typing import Any

from models.errors import InvalidParameterError

__all__ = ["check_count"]


def check_count(name: str, value: Any, *also: Any) -> None:
    """Refuse anything but whole numbers from 1, and what else is allowed.

    Args:
        name: What is counted.
        value: What came.
        *also: Other values that are allowed, such as None or "auto".

    Raises:
        InvalidParameterError: Naming what came, and what is allowed.

    Example:
        >>> check_count("workers", None, None)
        >>> check_count("workers", 0, None)
        Traceback (most recent call last):
        ...
        models.errors.InvalidParameterError: workers is 0; it is a whole number from 1, or None.
    """
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not number and value not in also:
        others = "".join(f", or {one!r}" for one in also)
        raise InvalidParameterError(f"{name} is {value!r}; it is a whole number from 1{others}.")
