"""The front-end files of the widgets, joined into what anywidget wants.

An anywidget is ONE JavaScript module and ONE style sheet, and we have neither a bundler nor a
network. So the files stay small and plain, and are joined here: the shared parts first (they
declare functions and classes and export nothing), the widget's own file last (it has the only
``export``). Each file is read once in a process.
"""

from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent


@cache
def read(name: str) -> str:
    """Read one front-end file that ships with this package.

    Args:
        name: The file's name, such as ``"theme.css"``.

    Returns:
        Its text.

    Example:
        >>> read("theme.css").startswith("/*")
        True
    """
    return (_HERE / name).read_text(encoding="utf-8")


def script(*names: str) -> str:
    """Join ``shared.js`` and the named files, in this order, into one ES module.

    Args:
        names: File names; the last one has the ``export default``.

    Returns:
        The text of the module.

    Example:
        >>> script("media.js", "gallery.js").count("export default")
        1
    """
    return "\n".join(read(name) for name in ("shared.js", *names))


def style(*names: str) -> str:
    """Join ``theme.css`` and the named style sheets, in this order.

    Args:
        names: File names of style sheets; none gives the theme alone, for panels.

    Returns:
        The text of the style sheet.

    Example:
        >>> "--wb-accent" in style()
        True
    """
    return "\n".join(read(name) for name in ("theme.css", *names))
