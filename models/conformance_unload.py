"""The last checks of ``check_model``: unloading gives the memory back, setting up restores."""

import gc
import weakref
from contextlib import suppress
from typing import Any

from models.base import ImageEmbeddingModel
from models.conformance_memory import held, weight_bytes
from models.conformance_probes import NotApplicableError, Probe, distance
from models.errors import ModelNotReadyError
from models.reprs import readable_size

SMALL = 2**20  # what a model made in its constructor is not asked to give back
_KEPT_PART = 0.1  # tables and constants may stay; a tower may not
_MEND = "Keep the network in self._model only, so that unload() can drop it."


def unload_problems(probe: Probe) -> list[str]:
    """``unload`` gives the memory back; ``setup`` then restores the model."""
    model, side = probe.model, probe.sides[0]
    missing = [name for name in ("unload", "setup") if not callable(getattr(model, name, None))]
    if missing:
        raise NotApplicableError(f"It has no {' and no '.join(missing)}(): memory was not looked at.")
    if _loads_nothing(model):
        return _constructor_problems(model)
    before = side.together
    watched = _watched(model)
    model.unload()
    gc.collect()
    kept = {key: entry for key, entry in watched.items() if entry[0]() is not None}
    problems = _kept_problems(model, watched, kept)
    model.unload()  # a second time does no harm
    model.setup()
    off = distance(before, side.rows())
    if off <= probe.tolerance:
        return problems
    return [
        *problems,
        f"After setup() vectors differ by {off:.2g}: setup() must load the weights, not draw or change them.",
    ]


def not_ready_problems(probe: Probe) -> list[str]:
    """An unloaded model says that it is not ready."""
    model, side = probe.model, probe.sides[0]
    if not all(callable(getattr(model, name, None)) for name in ("unload", "setup")) or _loads_nothing(model):
        raise NotApplicableError
    if not held(model):
        raise NotApplicableError
    model.unload()
    try:
        side.embed(side.inputs[:1])
    except ModelNotReadyError:
        return []
    except Exception as error:
        return [
            f"After unload() it raises {type(error).__name__}; a ModelNotReadyError would tell what to do."
        ]
    finally:
        model.setup()
    return ["After unload() it still answers."]


def _loads_nothing(model: Any) -> bool:
    """Tell whether ``setup`` is the one of the base class, which does nothing."""
    return getattr(type(model), "setup", None) is ImageEmbeddingModel.setup


def _watched(model: Any) -> dict[int, tuple[Any, int, str]]:
    """Weak references to all that a model holds, with size and name."""
    found = {}
    for key, (value, label) in held(model).items():
        with suppress(TypeError):
            found[key] = (weakref.ref(value), weight_bytes(value), label)
    return found


def _kept_problems(model: Any, watched: dict[int, Any], kept: dict[int, Any]) -> list[str]:
    """Say what stayed, and who holds it."""
    size, total = (sum(entry[1] for entry in part.values()) for part in (kept, watched))
    engines = [entry for entry in kept.values() if entry[1] == 0 and entry[0]() is not None]
    engines = [entry for entry in engines if not hasattr(entry[0](), "nbytes")]
    if not engines and (size <= _KEPT_PART * total and size < SMALL):
        return []
    still = held(model)
    names = sorted({still[key][1] for key in kept if key in still})
    holder = ", ".join(names) if names else "something outside the model (a global list, a variable of yours)"
    what = readable_size(size) if size else "The engine"
    return [f"{what} stay{'s' if not size else ''} after unload(), held by {holder}. {_MEND}"]


def _constructor_problems(model: Any) -> list[str]:
    """Judge a model whose ``setup`` does nothing: what it holds must go with ``unload`` all the same."""
    before = held(model)
    size = sum(weight_bytes(value) for value, _ in before.values())
    if size < SMALL:
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
    kept = sum(weight_bytes(value) for key, (value, _) in after.items() if key in before)
    if kept < max(SMALL, _KEPT_PART * size):
        return []
    names = ", ".join(sorted({label for key, (_, label) in after.items() if key in before}))
    return [f"{readable_size(kept)} stay after unload(), held by {names}. {_MEND} Load it in setup()."]
