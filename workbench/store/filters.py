"""Filters of a search: a condition on what is known of the rows, which can compare and nothing else."""

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import InvalidParameterError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.store.snapshot import Snapshot

__all__ = ["rows_that_fit"]

# pandas evaluates the text, and would run any method of any object that it can reach.
_METHODS = {
    "str": {"contains", "endswith", "fullmatch", "len", "lower", "match", "startswith", "strip", "upper"},
    "": {"between", "isin", "isna", "isnull", "notna", "notnull"},
}
_PARTS = {"dt": {"date", "day", "dayofweek", "hour", "minute", "month", "year"}}
_PLAIN = (
    *(ast.Expression, ast.Constant, ast.List, ast.Tuple, ast.Load),
    *(ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert, ast.USub),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.BitAnd, ast.BitOr, ast.BitXor),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
)
_ALLOWED = [f".str.{name}()" for name in sorted(_METHODS["str"])]
_ALLOWED += [f".{name}()" for name in sorted(_METHODS[""])] + [f".dt.{name}" for name in sorted(_PARTS["dt"])]
_LONGEST = 10_000


def rows_that_fit(snapshot: "Snapshot", where: "str | Callable[[pd.DataFrame], Any]") -> np.ndarray:
    """Tell which rows fit a condition.

    Args:
        snapshot: The rows.
        where: A condition on columns, as pandas writes it: comparisons, ``and``, ``or``, ``not``, ``in`` and
            methods such as ``.str.contains("dog")``, ``.isin([...])``, ``.between(0, 9)``. A function gets
            the table of all columns, and may do anything.

    Returns:
        bool (N,).

    Raises:
        InvalidParameterError: If the text is no such condition, or gives no yes or no for each row.
    """
    columns = snapshot.rows.column_names
    if callable(where):
        found = _tried(where, lambda: where(snapshot.facts()), columns)
    else:
        text = str(where).strip()
        named = _checked(text, columns)
        facts = snapshot.facts(named)
        found = _tried(text, lambda: _evaluated(text, facts), columns)
    chosen = np.asarray(found)
    if chosen.shape != (len(snapshot.vectors),) or chosen.dtype != bool:
        raise _refused(where, "it gives no yes or no for each row", columns)
    return chosen


def _evaluated(text: str, facts: "pd.DataFrame") -> Any:
    """Let pandas evaluate a condition; times may be written with a zone and without, which is UTC."""
    nothing: dict[str, Any] = {}
    try:
        return facts.eval(text, engine="python", local_dict=nothing, global_dict=nothing)
    except (TypeError, ValueError):
        if "written" not in facts:
            raise
        naive = facts.assign(written=facts["written"].dt.tz_convert(None))
        return naive.eval(text, engine="python", local_dict=nothing, global_dict=nothing)


def _tried(where: Any, evaluate: Callable[[], Any], columns: Sequence[str]) -> Any:
    """Evaluate; what goes wrong is the condition's fault."""
    try:
        return evaluate()
    except Exception as error:
        raise _refused(where, str(error), columns) from error


def _checked(text: str, columns: Sequence[str]) -> list[str]:
    """Refuse a text that does more than compare; the columns that it names."""
    if len(text) > _LONGEST:
        raise _refused(f"{text[:40]}...", f"it is longer than {_LONGEST:,} characters", columns)
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        hint = "; equality is written ==" if "=" in text and "==" not in text else ""
        raise _refused(text, f"{getattr(error, 'msg', None) or error}{hint}", columns) from error
    names: list[str] = []
    waiting: list[ast.AST] = [tree]
    while waiting:  # no recursion: a long chain of conditions is deep
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if node.id not in columns:
                raise _refused(text, f"there is no column {node.id!r}", columns)
            names.append(node.id)
        elif isinstance(node, ast.Call | ast.Attribute):
            waiting += _of_column(node, text, columns)
        elif isinstance(node, _PLAIN):
            waiting += ast.iter_child_nodes(node)
        else:
            raise _refused(text, f"{ast.unparse(node)!r} is no comparison of columns", columns)
    return list(dict.fromkeys(names))


def _of_column(node: ast.Call | ast.Attribute, text: str, columns: Sequence[str]) -> list[ast.AST]:
    """What a method or a part of a column is made of; others are refused."""
    owner = node.func if isinstance(node, ast.Call) else node
    given = [*node.args, *(one.value for one in node.keywords)] if isinstance(node, ast.Call) else []
    allowed = _METHODS if isinstance(node, ast.Call) else _PARTS
    if isinstance(owner, ast.Attribute):
        inner = owner.value
        accessor = inner.attr if isinstance(inner, ast.Attribute) and inner.attr in {"str", "dt"} else ""
        if owner.attr in allowed.get(accessor, ()):
            return [inner.value if accessor and isinstance(inner, ast.Attribute) else inner, *given]
    what = ast.unparse(owner)
    raise _refused(text, f"{what!r} is not allowed; {', '.join(_ALLOWED)} are", columns)


def _refused(where: Any, why: str, columns: Sequence[str]) -> InvalidParameterError:
    """Say what is wrong with a condition, and what one looks like."""
    return InvalidParameterError(
        f"where={where!r} cannot be used: {why}.",
        next_step=f"Write for example \"kind == 'video'\"; the columns are {', '.join(columns)}.",
    )
