"""How many polls are under way: places for them, and places apart for those that take long.

A server that accepts a connection and then says nothing costs us nearly nothing, but it would hold
a place until the time-out, and a few dozen of them all places there are. So a poll that has taken
`PATIENCE` moves over to a place for slow ones, if there is one, and makes room for the next.
"""

import asyncio

PATIENCE = 3.0
"""Seconds. Nearly every server has answered by then."""


class Places:
    """`count` places, and as many again for slow polls."""

    def __init__(self, count: int, *, patience: float = PATIENCE) -> None:
        self._count = count
        self._patience = patience
        self._free = asyncio.Semaphore(count)
        self.slow = 0
        """Polls that have moved over."""

    async def take(self) -> "Place":
        """Waits for a place."""
        await self._free.acquire()
        return Place(self, self._patience)

    def make_room(self) -> bool:
        """Whether a slow poll could move over."""
        if self.slow == self._count:
            return False
        self.slow += 1
        self._free.release()
        return True

    def give_back(self, *, slow: bool) -> None:
        if slow:
            self.slow -= 1
        else:
            self._free.release()


class Place:
    """One poll's place, to be released once."""

    def __init__(self, places: Places, patience: float) -> None:
        self._places = places
        self._is_slow = False
        self._move = asyncio.get_running_loop().call_later(patience, self._move_over)

    def _move_over(self) -> None:
        self._is_slow = self._places.make_room()

    def release(self) -> None:
        self._move.cancel()
        self._places.give_back(slow=self._is_slow)
