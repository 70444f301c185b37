"""Numbers the way people say them."""


def counted(count: int, word: str) -> str:
    """Say a number with its word in singular or plural.

    Args:
        count: How many.
        word: What, in the singular; the plural ends in s.

    Returns:
        For example "1 clip".

    Example:
        >>> counted(1, "clip"), counted(2000, "clip")
        ('1 clip', '2,000 clips')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def duration_text(seconds: float) -> str:
    """Say a duration.

    Args:
        seconds: A duration in seconds, at least 0.

    Returns:
        Seconds below two minutes, minutes below two hours, hours and minutes above.

    Example:
        >>> duration_text(41.2), duration_text(150), duration_text(9000)
        ('41 s', '2 min 30 s', '2 h 30 min')
    """
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
