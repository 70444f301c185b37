"""Names are data: file names as text that is safe in keys, JSON, tables and terminals."""

import os
from pathlib import Path

from workbench.files import valid_text

# Characters that turn the reading direction, or that are invisible and change what is read.
_UNSAFE = {"\u2028", "\u2029", "\u200e", "\u200f", "\u061c", *map(chr, range(0x202A, 0x202F))}
_UNSAFE |= set(map(chr, range(0x2066, 0x206A)))


def safe_text(name: str) -> str:
    r"""Spell a file name so that it is valid Unicode on one line.

    Letters of any script and emoji stay. Control characters, marks that turn the reading
    direction, and bytes that are not UTF-8 become escapes such as ``\n`` or ``\xff``.

    Example:
        >>> safe_text("two\nlines.mp4"), safe_text("b\udcffd.mp4"), safe_text("été ⭐.mp4")
        ('two\\nlines.mp4', 'b\\xffd.mp4', 'été ⭐.mp4')
    """
    if name.isascii() and name.isprintable():  # nearly every name, in a tenth of the time
        return name
    try:
        text = os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, as a JSON file can spell it
        text = valid_text(name)
    return "".join(_escaped(char) if _is_unsafe(char) else char for char in text)


def one_line(text: str, limit: int = 1000) -> str:
    r"""Write a text that came from a file on one line, bounded, without unsafe characters.

    Example:
        >>> one_line(" a red\n car \x1b[31m")
        'a red car \\x1b[31m'
    """
    return shortened(safe_text(" ".join(text.split())), limit)


def display_name(path: Path | str) -> str:
    """Return the last part of a path as safe text, at most 80 characters.

    Example:
        >>> display_name("/films/star.mp4"), len(display_name("x" * 300))
        ('star.mp4', 80)
    """
    return shortened(safe_text(Path(path).name or str(path)), 80)


def shortened(text: str, limit: int) -> str:
    """Cut the middle out of a long text, so that its start and its ending stay.

    Example:
        >>> shortened("a-very-long-name.mp4", 13)
        'a-very…me.mp4'
    """
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def _is_unsafe(char: str) -> bool:
    """Tell whether a character must not stand in a key as it is."""
    return char in _UNSAFE or ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0


def _escaped(char: str) -> str:
    """Spell one character the way Python does in ASCII."""
    return ascii(char)[1:-1]
