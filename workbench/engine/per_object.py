"""Data kept beside an object without touching it, for as long as the object lives."""

import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class PerObject(Generic[T]):
    """One value per object, made on first use and dropped with the object. Thread-safe.

    Objects are told apart by identity, so models that define ``==`` or cannot be hashed work
    too. An object that cannot be weakly referenced gets a new value at every call.

    Args:
        make: Builds the value for an object that has none yet.

    Example:
        >>> class Model: ...
        >>> model, notes = Model(), PerObject(list)
        >>> notes.of(model).append(1)
        >>> notes.of(model)
        [1]
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: dict[int, tuple[weakref.ref[Any], T]] = {}
        self._lock = threading.RLock()  # re-entrant: a collected object's callback may come while held

    def of(self, owner: Any) -> T:
        """Return the value that belongs to an object.

        Args:
            owner: Any object.

        Returns:
            Its value, the same one each time.
        """
        with self._lock:
            found = self._values.get(id(owner))
            if found is not None and found[0]() is owner:
                return found[1]
            value = self._make()
            self._remember(owner, value)
            return value

    def put(self, owner: Any, value: T) -> None:
        """Give an object a value, in the place of the one that it may have."""
        with self._lock:
            self._remember(owner, value)

    def _remember(self, owner: Any, value: T) -> None:
        """Keep the value until the owner is collected."""
        identity = id(owner)
        try:
            reference = weakref.ref(owner, lambda gone: self._forget(identity, gone))
        except TypeError:  # built-in types and classes with __slots__ have no room for weak references
            return
        self._values[identity] = (reference, value)

    def _forget(self, identity: int, gone: "weakref.ref[Any]") -> None:
        """Drop a collected owner's value, unless the identity already belongs to a new object."""
        with self._lock:
            found = self._values.get(identity)
            if found is not None and found[0] is gone:
                del self._values[identity]
