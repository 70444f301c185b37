"""A small cache of bytes, shared by threads."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class BytesCache(Generic[T]):
    """Keeps the results used last, up to a number of bytes; makes each one once.

    Threads that ask for the same key at the same time wait for one of them to make it. A call
    that raises stores nothing.

    Args:
        max_bytes: Sum of sizes kept.
        size: How many bytes a value counts.

    Example:
        >>> cache = BytesCache(10, len)
        >>> cache.get("a", lambda: b"12345"), cache.get("a", lambda: b"never called")
        (b'12345', b'12345')
        >>> _ = cache.get("b", lambda: b"123456789")
        >>> "a" in cache, "b" in cache
        (False, True)
    """

    def __init__(self, max_bytes: int, size: Callable[[T], int]) -> None:
        self._max_bytes = max_bytes
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._makers: dict[Hashable, Lock] = {}
        self._bytes = 0
        self._lock = Lock()

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of a key, making it first if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            maker = self._makers.setdefault(key, Lock())
        with maker:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                self._store(key, value)
            finally:
                with self._lock:
                    if self._makers.get(key) is maker:
                        del self._makers[key]
        return value

    def _store(self, key: Hashable, value: T) -> None:
        """Keep a value and drop the ones unused for longest; one that is too large is not kept."""
        size = self._size(value)
        if size > self._max_bytes:
            return
        with self._lock:
            if key in self._values:
                self._bytes -= self._size(self._values.pop(key))
            self._values[key] = value
            self._bytes += size
            while self._bytes > self._max_bytes:
                _, dropped = self._values.popitem(last=False)
                self._bytes -= self._size(dropped)
