"""Bodies as they were packed, so that each is packed once, and of a feed only what is new."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from aggregator.core.joined import Joined
from aggregator.core.shelf import Shelf
from aggregator.formats.packing import Coding, pack
from aggregator.formats.runs import Run, deflated, gzipped, runs_of

_MOST = 16_000_000
"""Bytes in memory; those that nobody asks for make room."""

_SHORT = 16_384
"""Bytes that take less time to pack than to hand to another thread."""


class Packed:
    """Packs in a thread, so that a long body holds up nobody else."""

    def __init__(self, most: int = _MOST) -> None:
        self._bodies = Shelf[str, bytes](most, size=len)
        self._runs = Shelf[bytes, bytes](most, size=len)
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, etag: str, made: Callable[[], Joined], coding: Coding) -> bytes:
        """`etag` is that of the packed form; equal ones mean equal texts.

        What is known is not made again.
        """
        known = self._bodies.get(etag)
        if known is not None:
            return known
        text = made()
        if text.size <= _SHORT:
            packed = pack(text.body, coding)
        elif coding == "gzip" and text.pieces:
            packed = await self._shared(etag, self._in_runs(text))
        else:
            packed = await self._shared(etag, asyncio.to_thread(pack, text.body, coding))
        self._bodies.put(etag, packed)
        return packed

    async def follow(self, before: str, after: str, text: Joined, coding: Coding) -> None:
        """Packs a text that takes the place of another, as that was packed, and drops that.

        Nothing is done where nobody asked for the other one.
        """
        if before != after and self._bodies.get(before) is not None:
            await self.get(after, lambda: text, coding)
            self._bodies.drop(before)

    async def _in_runs(self, text: Joined) -> bytes:
        runs = runs_of(text)
        known = {run.key: packed for run in runs if (packed := self._runs.get(run.key))}
        new = {run.key: run for run in runs if run.key not in known}
        packed = await asyncio.to_thread(_packed, runs, known, new)
        for key in new:
            self._runs.put(key, known[key])
        return packed

    async def _shared(self, etag: str, packing: Coroutine[Any, Any, bytes]) -> bytes:
        """All who ask at the same time wait for the same work."""
        task = self._under_way.get(etag)
        if task is None:
            task = asyncio.create_task(packing)
            self._under_way[etag] = task
            task.add_done_callback(lambda _: self._under_way.pop(etag, None))
        else:
            packing.close()
        return await asyncio.shield(task)


def _packed(runs: Sequence[Run], known: dict[bytes, bytes], new: dict[bytes, Run]) -> bytes:
    """The text in gzip's form; what is new is known then."""
    known.update({key: deflated(run) for key, run in new.items()})
    return gzipped(runs, [known[run.key] for run in runs])
