"""``compile=True``: a tower through ``torch.compile``, and as it is where that does not work."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Compiled"]

_logger = logging.getLogger("models")


class Compiled:
    """A function that torch compiles when it is first called with inputs of a new shape.

    Where compiling fails (no C++ compiler, an unknown operator), the function runs as it is from then
    on, and the log says why.

    Args:
        function: What to compile.

    Example:
        >>> double = Compiled(lambda x: 2 * x)
        >>> double(torch.ones(2)).tolist()
        [2.0, 2.0]
    """

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        self._plain = function
        self._fast: Callable[..., torch.Tensor] | None = torch.compile(function)
        self._lock = threading.Lock()  # compiling changes state of torch's that threads share

    def __call__(self, *inputs: Any) -> torch.Tensor:
        """Call the function, compiled if that works."""
        if self._fast is not None:
            try:
                with self._lock:
                    return self._fast(*inputs)
            except Exception as error:  # the compiler raises whatever its parts raise
                failure = error
            found = self._plain(*inputs)  # when this raises too, it was not the compiler
            self._fast = None
            _logger.warning("torch.compile fails here, the network runs as it is: %s", _shortly(failure))
            return found
        return self._plain(*inputs)


def _shortly(error: Exception) -> str:
    """The first line of a compiler's long message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
