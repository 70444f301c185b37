"""Rows that are being computed: started now, waited for later."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import torch

__all__ = ["Pending"]

T = TypeVar("T", bound="torch.Tensor")


class Pending(Generic[T]):
    """The result of work that an accelerator may still be doing.

    Args:
        finish: Waits for the work and returns its result; called once at most.

    Example:
        >>> work = Pending(lambda: 2 + 3)
        >>> work.result(), work.result()
        (5, 5)
    """

    def __init__(self, finish: Callable[[], T]) -> None:
        self._finish: Callable[[], T] | None = finish
        self._found: T | None = None

    def result(self) -> T:
        """Wait, and return the result; again it is there at once."""
        if self._finish is not None:
            self._found = self._finish()
            self._finish = None  # and with it what it held
        return self._found  # ty: ignore[invalid-explicit-return]  (set above)
