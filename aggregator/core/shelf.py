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
        if len(value) + _OVERHEAD > self._most:
            return
        self._values[key] = value
        self._size += len(value) + _OVERHEAD
        while self._size > self._most:
            self._drop(next(iter(self._values)))

    def _drop(self, key: Key) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self._size -= len(value) + _OVERHEAD
