"""Work that nobody waits for, so that the next one who asks need not wait either."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any


class Meanwhile:
    """Whatever keeps such work from being done meets whoever asks later, too, and is told then."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[object]] = {}

    def start(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Begins it, unless what has the same key is under way."""
        if key not in self._under_way:
            task = asyncio.create_task(work())
            self._under_way[key] = task
            task.add_done_callback(lambda done: self._end(key, done))

    async def wait(self, key: Hashable) -> None:
        """Until what is under way by that key has ended, if anything is."""
        if task := self._under_way.get(key):
            await asyncio.wait([task])

    def _end(self, key: Hashable, task: asyncio.Task[object]) -> None:
        del self._under_way[key]
        if not task.cancelled():
            task.exception()  # else it would be told as one that nobody looked at
