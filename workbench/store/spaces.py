"""Which of a store's embedding spaces is meant, and whose vectors may be compared with it."""

from collections.abc import Sequence
from typing import Any

from models.vectors import EmbeddingSpace
from workbench.engine.spaces import as_stated, may_ask, stored_space
from workbench.errors import EmbeddingSpaceError, InvalidParameterError

__all__ = ["check_model", "choose_space"]


def choose_space(spaces: Sequence[EmbeddingSpace], wanted: Any) -> EmbeddingSpace:
    """Find the space that is meant.

    Args:
        spaces: Those of the store.
        wanted: A space or its key, a model or its id; None when there is only one.

    Returns:
        The space.

    Raises:
        InvalidParameterError: If there is none or several; the message lists them.

    Example:
        >>> spaces = [EmbeddingSpace("me/m", "1"), EmbeddingSpace("me/other", "1")]
        >>> choose_space(spaces, "me/m") == choose_space(spaces, spaces[0].key) == spaces[0]
        True
    """
    fitting = _fitting(spaces, wanted)
    if len(fitting) == 1:
        return fitting[0]
    if not spaces:
        raise InvalidParameterError(
            "The store has no vectors yet.",
            next_step="embed(..., store=...), or `workbench embed FOLDER --store STORE`, puts some there.",
        )
    listed = "; ".join(
        f"{one.key}: {one.model_id} {one.revision[:12]} {one.sampling}" for one in fitting or spaces
    )
    raise InvalidParameterError(
        f"{len(fitting)} embedding spaces fit; the store has {listed}.",
        next_step="Name one: space= one of store.spaces() or its key, --space KEY on the command line."
        + (_HINT if not fitting and _of_another_session(spaces, wanted) else ""),
    )


_HINT = (
    " The model has no version, so vectors of other sessions are not taken for its own unless you name them; "
    "a class attribute revision = '1' makes them last."
)


def check_model(model: Any, space: EmbeddingSpace) -> None:
    """Refuse to ask with a model that did not make the vectors.

    Args:
        model: A loaded model, or the id of one; None asks nothing.
        space: The space of the vectors.

    Raises:
        EmbeddingSpaceError: If it is another model, or another version of it.
    """
    if model is None:
        return
    asking = EmbeddingSpace(model, space.revision, space.preprocessing) if isinstance(model, str) else None
    asking = asking or stored_space(model)
    if not may_ask(asking, space):
        mine, theirs = (f"{one.model_id} {one.revision[:12]}".strip() for one in (asking, space))
        raise EmbeddingSpaceError(
            f"{mine} was to ask about vectors of {theirs}; their vectors cannot be compared.",
            next_step="Use the model that embedded them.",
        )


def _fitting(spaces: Sequence[EmbeddingSpace], wanted: Any) -> list[EmbeddingSpace]:
    """The spaces that may be meant."""
    if wanted is None:
        return list(spaces)
    if isinstance(wanted, str):
        return [space for space in spaces if wanted in (space.key, space.model_id)]
    if isinstance(wanted, EmbeddingSpace):  # embeddings name it as the model does, without a session's name
        return [one for one in spaces if one == wanted] or [one for one in spaces if as_stated(one) == wanted]
    return [space for space in spaces if space.same_model(stored_space(wanted))]


def _of_another_session(spaces: Sequence[EmbeddingSpace], wanted: Any) -> bool:
    """Whether a model without a version left vectors that may be of other weights."""
    if wanted is None or isinstance(wanted, str | EmbeddingSpace):
        return False
    return any(may_ask(stored_space(wanted), space) for space in spaces)
