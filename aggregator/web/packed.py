"""Bodies as they were packed, so that each is packed once."""

import asyncio
from collections.abc import Callable

from aggregator.core.shelf import Shelf
from aggregator.formats.packing import Coding, pack

_MOST = 32_000_000
"""Bytes in memory; those that nobody asks for make room."""

_SHORT = 16_384
"""Bytes that take less time to pack than to hand to another thread."""


class Packed:
    """Packs in a thread, so that a long body holds up nobody else."""

    def __init__(self, most: int = _MOST) -> None:
        self._bodies = Shelf[str, bytes](most, size=len)
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    async def get(self, etag: str, body: Callable[[], bytes], coding: Coding) -> bytes:
        """`etag` is that of the packed form; equal ones mean equal bodies.

        What is known is not made again.
        """
        known = self._bodies.get(etag)
        if known is not None:
            return known
        made = body()
        if len(made) <= _SHORT:
            packed = pack(made, coding)
        else:
            packed = await self._shared(etag, made, coding)
        self._bodies.put(etag, packed)
        return packed

    async def _shared(self, etag: str, body: bytes, coding: Coding) -> bytes:
        """All who ask at the same time wait for the same work."""
        task = self._under_way.get(etag)
        if task is None:
            task = asyncio.create_task(asyncio.to_thread(pack, body, coding))
            self._under_way[etag] = task
            task.add_done_callback(lambda _: self._under_way.pop(etag, None))
        return await asyncio.shield(task)
