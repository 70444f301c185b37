"""The last checks of ``check_model``: unloading gives the memory back, setting up restores."""

import gc
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from models.base import ModelInterface
from models.checks.memory import held, weight_bytes
from models.checks.probes import NotApplicableError, Probe, Side, distance
from models.errors import ModelNotReadyError
from models.reprs import readable_size

SMALL = 2**20  # what a model made in its constructor is not asked to give back
_KEPT_PART = 0.1  # tables and constants may stay; a tower may not
_CONSTANTS = 2**12  # a mean, a std, a palette: of a tiny network these are a large part
_MEND = "Keep the network in self._model only, so that unload() can drop it."


@dataclass(frozen=True)
class Watched:
    """A tensor, array or engine that a model held: a weak reference, its size, its name."""

    reference: weakref.ref[Any]
    size: int
    label: str
    is_network: bool


def unload_problems(probe: Probe) -> list[str]:
    """``unload`` gives the memory back; ``setup`` then restores the model."""
    model, side = probe.model, probe.sides[0]
    missing = [name for name in ("unload", "setup") if not callable(getattr(model, name, None))]
    if missing:
        raise NotApplicableError(f"It has no {' and no '.join(missing)}(): memory was not looked at.")
    if _loads_nothing(model):
        return _constructor_problems(model)
    before, watched = side.together, _watched(model)
    model.unload()
    gc.collect()
    problems = _kept_problems(model, watched)
    model.unload()  # a second time does no harm
    if watched:
        probe.when_unloaded = _outcome(side)
    model.setup()
    off = distance(before, side.rows())
    if off <= probe.tolerance:
        return problems
    return [
        *problems,
        f"After setup() vectors differ by {off:.2g}: setup() must load the weights, not draw or change them.",
    ]


def not_ready_problems(probe: Probe) -> list[str]:
    """An unloaded model says that it is not ready; ``unload_problems`` has asked it."""
    outcome = probe.when_unloaded
    if outcome is None:
        raise NotApplicableError
    if outcome == ModelNotReadyError.__name__:
        return []
    if not outcome:
        return ["After unload() it still answers."]
    return [f"After unload() it raises {outcome}; a ModelNotReadyError would tell what to do."]


def _outcome(side: Side) -> str:
    """Name of the error that a model raises when it is asked; "" when it answers."""
    try:
        side.embed(side.inputs[:1])
    except Exception as error:
        return ModelNotReadyError.__name__ if isinstance(error, ModelNotReadyError) else type(error).__name__
    return ""


def _loads_nothing(model: Any) -> bool:
    """Tell whether ``setup`` is empty: it touches no name at all."""
    code = getattr(getattr(type(model), "setup", None), "__code__", None)
    return code is not None and not code.co_names


def _watched(model: Any) -> dict[int, Watched]:
    """Weak references to all that a model holds."""
    found = {}
    for key, (value, label) in held(model).items():
        with suppress(TypeError):
            size = weight_bytes(value)
            is_network = size == 0 or type(value).__name__ == "Parameter"
            found[key] = Watched(weakref.ref(value), size, label, is_network)
    return found


def _kept_problems(model: Any, watched: dict[int, Watched]) -> list[str]:
    """Say what stayed, and who holds it."""
    kept = {key: one for key, one in watched.items() if one.reference() is not None}
    if not _is_much(kept, watched):
        return []
    still = held(model)
    names = sorted({still[key][1] for key in kept if key in still})
    holder = ", ".join(names) if names else "something outside the model (a global list, a variable of yours)"
    size = sum(one.size for one in kept.values())
    what = f"{readable_size(size)} of memory stay" if size else "The engine stays"
    return [f"{what} after unload(), held by {holder}. {_MEND}"]


def _is_much(kept: dict[int, Watched], watched: dict[int, Watched]) -> bool:
    """Tell whether what stayed is more than constants."""
    size, total = (sum(one.size for one in part.values()) for part in (kept, watched))
    if any(one.is_network and one.size == 0 for one in kept.values()) or size >= SMALL:
        return True
    weights = sum(one.size for one in kept.values() if one.is_network)
    allowed = max(_KEPT_PART * total, min(_CONSTANTS, total / 2))
    return weights > _KEPT_PART * total or size > allowed


def _constructor_problems(model: Any) -> list[str]:
    """Judge a model that holds its network from the start: it must go with ``unload`` all the same."""
    before = _watched(model)
    size = sum(one.size for one in before.values())
    keeps_the_rules = type(model).unload is not ModelInterface.unload or "_model" in vars(model)
    if not before or (size < SMALL and not keeps_the_rules):
        if not before:
            return []
        raise NotApplicableError(
            f"setup() loads nothing; the {readable_size(size)} that the model has from the start may stay."
        )
    attributes = dict(vars(model))
    try:
        model.unload()
        after = held(model)
    finally:
        vars(model).update(attributes)
    kept = {key: one for key, one in before.items() if key in after}
    if not _is_much(kept, before):
        return []
    names = ", ".join(sorted({after[key][1] for key in kept}))
    left = readable_size(sum(one.size for one in kept.values()))
    return [f"{left} of memory stay after unload(), held by {names}. {_MEND} Load it in setup()."]
