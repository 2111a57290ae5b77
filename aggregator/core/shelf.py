"""Bytes in memory, within a bound."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_OVERHEAD = 200
"""Bytes that a key and its place take, about."""


class Shelf(Generic[Key]):
    """Holds as much as fits; what was not asked for the longest makes room."""

    def __init__(self, most: int) -> None:
        """`most` is the number of bytes in all."""
        self._most = most
        self._size = 0
        self._values: dict[Key, bytes] = {}

    def get(self, key: Key) -> bytes | None:
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
        return value

    def put(self, key: Key, value: bytes) -> None:
        """What is larger than all the room is not kept."""
        self._drop(key)
        if _size(key, value) > self._most:
            return
        self._values[key] = value
        self._size += _size(key, value)
        while self._size > self._most:
            self._drop(next(iter(self._values)))

    def _drop(self, key: Key) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self._size -= _size(key, value)


def _size(key: Hashable, value: bytes) -> int:
    """Of both: a key may be an address with all that somebody looks for."""
    return len(value) + len(repr(key)) + _OVERHEAD
