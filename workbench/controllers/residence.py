"""Who keeps a model in memory: it goes when nobody uses it any more, never in the middle of a run."""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

__all__ = ["Residence"]

logger = logging.getLogger("workbench")


class Residence:
    """The models that a controller has loaded. A model that came from elsewhere is never touched.

    Example:
        >>> class Model:
        ...     def unload(self):
        ...         print("unloaded")
        >>> residence, model = Residence(), Model()
        >>> residence.own(model)
        >>> with residence.hold(model):
        ...     residence.retire(model)
        ...     print("still at work")
        still at work
        unloaded
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owned: dict[int, Any] = {}
        self._retired: dict[int, Any] = {}
        self._holds: dict[int, int] = {}

    def own(self, model: Any) -> None:
        """Note that a model was loaded here, so that it is unloaded here.

        Args:
            model: The model.
        """
        with self._lock:
            self._owned[id(model)] = model

    @contextmanager
    def hold(self, model: Any) -> Generator[Any, None, None]:
        """Keep a model in memory while the block runs.

        Args:
            model: The model.

        Yields:
            The same model.
        """
        with self._lock:
            self._holds[id(model)] = self._holds.get(id(model), 0) + 1
        try:
            yield model
        finally:
            with self._lock:
                self._holds[id(model)] -= 1
                if not self._holds[id(model)]:
                    del self._holds[id(model)]
            self._sweep()

    def retire(self, model: Any) -> None:
        """Unload a model as soon as nobody holds it.

        Args:
            model: The model; one that was not loaded here is left alone.
        """
        with self._lock:
            if self._owned.pop(id(model), None) is not None:
                self._retired[id(model)] = model
        self._sweep()

    def _sweep(self) -> None:
        """Unload what is retired and free."""
        with self._lock:
            free = [name for name in self._retired if name not in self._holds]
            models = [self._retired.pop(name) for name in free]
        for model in models:
            unload = getattr(model, "unload", None)
            if callable(unload):
                _guarded(unload)


def _guarded(unload: Any) -> None:
    """Unload; a model that cannot is told in the log, since nobody waits for it any more."""
    try:
        unload()
    except Exception:
        logger.exception("A model could not be unloaded.")
