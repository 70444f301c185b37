"""What every model offers, whatever it computes: ids, a way to load and a way to let go."""

import ctypes
import gc
import sys
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Any

from models.errors import InvalidParameterError


class ModelInterface(ABC):
    """What every model offers, whatever it computes.

    The constructor stores options and nothing else; ``setup`` loads. A subclass may spell
    ``model_id_names`` as a plain method: ``model_ids(model)`` reads both. It may also offer a
    classmethod ``download_weights_on_node(model_dir)`` that fetches its weights once a machine.
    """

    @property
    @abstractmethod
    def model_id_names(self) -> list[str]:
        """Ids of everything this model loads weights from, for example hub ids."""

    @abstractmethod
    def setup(self) -> None:
        """Load the weights and make the model ready to use."""

    def unload(self) -> None:
        """Drop the network (``self._model``) and give its memory back.

        The object stays: ``setup()`` loads it again. Calling it twice does no harm.
        """
        release(self)


def release(model: Any) -> None:
    """Drop a model's network (``_model``) and give its memory back to the system.

    Args:
        model: Any model object; one without ``_model`` just has its surroundings swept.
    """
    if getattr(model, "_model", None) is not None:
        model._model = None  # noqa: SLF001 - the name is the convention of the interface
    gc.collect()
    _empty_device_caches()
    _trim_heap()


def model_ids(model: Any) -> list[str]:
    """Read the ids of a model, whether ``model_id_names`` is a property or a method.

    Args:
        model: A model object.

    Returns:
        The ids; empty when the model declares none.

    Raises:
        InvalidParameterError: If ``model_id_names`` gives something else than strings.

    Example:
        >>> class Method:
        ...     def model_id_names(self):
        ...         return ["me/m"]
        >>> model_ids(Method())
        ['me/m']
    """
    names = getattr(model, "model_id_names", [])
    names = names() if callable(names) else names
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidParameterError(
            f"model_id_names of {type(model).__name__} gives {names!r}; a list of strings is expected."
        )
    return list(names)


def _empty_device_caches() -> None:
    """Return cached accelerator memory to the system, if torch is loaded at all."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _trim_heap() -> None:
    """Return freed pages to the system: glibc keeps many small tensors' pages for itself."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library has no such call
            ctypes.CDLL(None).malloc_trim(0)
