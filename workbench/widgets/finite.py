"""Numbers that can go into a synced trait."""

import math
from typing import Any


def finite(value: Any) -> float | None:
    """Return a plain float for a finite number of any kind, else None: JSON has no NaN.

    Args:
        value: A number (also of NumPy), or None.

    Returns:
        The number, or None.

    Example:
        >>> finite(0.5), finite(float("nan"))
        (0.5, None)
    """
    number = math.nan if value is None else float(value)
    return number if math.isfinite(number) else None
