"""The last check of ``check_model``: unloading gives the memory back, setting up restores."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

from models.conformance_probes import NotApplicableError, Probe, Side, distance
from models.errors import ModelNotReadyError
from models.reprs import readable_size


def unload_problems(probe: Probe) -> list[str]:
    """``unload`` gives the memory back; ``setup`` then restores the model."""
    model, side = probe.model, probe.sides[0]
    if not all(callable(getattr(model, name, None)) for name in ("unload", "setup")):
        raise NotApplicableError
    before = side.rows()
    watched = [(weakref.ref(tensor), tensor.nbytes) for tensor in _tensors(model)]
    model.unload()
    gc.collect()
    kept = sum(size for tensor, size in watched if tensor() is not None)
    problems = []
    if kept * 10 > sum(size for _, size in watched):
        problems.append(f"{readable_size(kept)} stay after unload(): keep the network in self._model only.")
    if watched:
        problems += _unloaded_problems(side)
    model.setup()
    off = distance(before, side.rows())
    return problems if off <= probe.tolerance else [*problems, f"After setup() vectors differ by {off:.2g}."]


def _unloaded_problems(side: Side) -> list[str]:
    """An unloaded model says that it is not ready."""
    try:
        side.embed(side.inputs[:1])
    except ModelNotReadyError:
        return []
    except Exception as error:
        return [f"After unload() it raises {type(error).__name__} instead of ModelNotReadyError."]
    return ["After unload() it still answers."]


def _tensors(model: Any) -> Iterator[Any]:
    """Tensors that a model holds: its own, and those of its networks."""
    import torch

    for value in vars(model).values():
        if isinstance(value, torch.nn.Module):
            yield from (*value.parameters(), *value.buffers())
        elif isinstance(value, torch.Tensor):
            yield value
