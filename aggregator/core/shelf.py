"""What is in memory, within a bound."""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

_OVERHEAD = 200
"""Bytes that a key and its place take, about."""


class Shelf(Generic[Key, Value]):
    """Holds as much as fits; what was not asked for the longest makes room."""

    def __init__(
        self,
        most: int,
        *,
        size: Callable[[Value], int],
        key_size: Callable[[Key], int] = lambda key: len(repr(key)),
    ) -> None:
        """`most` is the number of bytes in all, `size` that of one value. A key may be an address
        with all that somebody looks for, and counts by its length where `key_size` says no other.
        """
        self._most = most
        self._size_of = size
        self._size_of_key = key_size
        self._size = 0
        self._values: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
        return value

    def put(self, key: Key, value: Value) -> None:
        """What is larger than all the room is not kept."""
        self.drop(key)
        size = self._room_for(key, value)
        if size > self._most:
            return
        self._values[key] = value
        self._size += size
        while self._size > self._most:
            self.drop(next(iter(self._values)))

    def drop(self, key: Key) -> None:
        """It need not be there."""
        value = self._values.pop(key, None)
        if value is not None:
            self._size -= self._room_for(key, value)

    def _room_for(self, key: Key, value: Value) -> int:
        return self._size_of(value) + self._size_of_key(key) + _OVERHEAD
