"""Under which name a store keeps a model's vectors, and who may be asked about them.

Weights without a version may change under the same name, as when a notebook cell is run again. So their
vectors are kept under a name drawn for this very object, and taken for current by it alone.
"""

import uuid
from dataclasses import replace
from typing import Any

from models.vectors import EmbeddingSpace
from workbench.engine.per_object import PerObject

__all__ = ["as_stated", "call_session", "may_ask", "new_session", "session_of", "stored_space"]

_SESSION = "session-"


def new_session() -> str:
    """Draw a name for weights that have no version.

    Example:
        >>> new_session() == new_session()
        False
    """
    return f"{_SESSION}{uuid.uuid4().hex}"


_sessions = PerObject(new_session)


def session_of(model: Any) -> str:
    """The name that was drawn for a model object, the same for as long as it lives."""
    return _sessions.of(model)


def call_session(model: Any, session: str) -> None:
    """Give a model object the name that was drawn for it elsewhere, as for its copy in a worker."""
    _sessions.put(model, session)


def stored_space(model: Any, space: EmbeddingSpace | None = None) -> EmbeddingSpace:
    """Name the space under which a store keeps a model's vectors.

    Args:
        model: Any embedding model.
        space: The space of its vectors; None knows only what the model says of itself.

    Returns:
        The same space; without a version, with the name drawn for this object in its place.

    Example:
        >>> class Colours:
        ...     embed_images = None
        >>> stored_space(Colours()).revision.startswith("session-")
        True
    """
    space = EmbeddingSpace.of(model) if space is None else space
    return space if space.revision else replace(space, revision=session_of(model))


def may_ask(asking: EmbeddingSpace, space: EmbeddingSpace) -> bool:
    """Whether vectors of one space may be compared with those of another that somebody named himself.

    Without versions nobody can tell whether the weights are the same; whoever names the space vouches for it.

    Example:
        >>> may_ask(EmbeddingSpace("m", "session-a"), EmbeddingSpace("m", "session-b"))
        True
        >>> may_ask(EmbeddingSpace("m", "1"), EmbeddingSpace("m", "2"))
        False
    """
    return as_stated(asking).same_model(as_stated(space))


def as_stated(space: EmbeddingSpace) -> EmbeddingSpace:
    """The space as its model states it: without a name that was drawn."""
    return replace(space, revision="") if space.revision.startswith(_SESSION) else space
