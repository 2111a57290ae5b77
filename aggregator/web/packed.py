"""Bodies as they were packed, so that each is packed once, and of a feed only what is new."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from aggregator.core.joined import Joined
from aggregator.core.shelf import Shelf
from aggregator.formats.packing import Coding, pack
from aggregator.formats.runs import Packable, deflated, gzipped, runs_of

_MOST = 16_000_000
"""Bytes in memory; those that nobody asks for make room."""

_SHORT = 16_384
"""Bytes that take less time to pack than to hand to another thread."""


class _Body(NamedTuple):
    packed: bytes
    runs: tuple[bytes, ...] = ()
    """The keys of those that it was put together of."""


class Packed:
    """Packs in a thread, so that a long body holds up nobody else."""

    def __init__(self, most: int = _MOST) -> None:
        self._bodies = Shelf[str, _Body](most, size=_size)
        self._runs = Shelf[bytes, bytes](most, size=len)
        self._under_way: dict[str, asyncio.Task[_Body]] = {}

    async def get(self, etag: str, made: Callable[[], Joined], coding: Coding) -> bytes:
        """`etag` is that of the packed form; equal ones mean equal texts.

        What is known is not made again.
        """
        known = self._bodies.get(etag)
        if known is not None:
            return known.packed
        text = made()
        if text.size <= _SHORT:
            body = _Body(pack(text.body, coding))
        elif coding == "gzip" and text.runs:
            body = await self._shared(etag, self._in_runs(text))
        else:
            body = await self._shared(etag, asyncio.to_thread(_whole, text, coding))
        self._bodies.put(etag, body)
        return body.packed

    async def follow(self, before: str, after: str, text: Joined, coding: Coding) -> None:
        """Packs a text that takes the place of another, as that was packed, and drops that, with
        the runs that only that one has.

        Nothing is done where nobody asked for the other one.
        """
        if before != after and (old := self._bodies.get(before)) is not None:
            await self.get(after, lambda: text, coding)
            new = self._bodies.get(after)
            for run in set(old.runs).difference(new.runs if new else ()):
                self._runs.drop(run)
            self._bodies.drop(before)

    async def _in_runs(self, text: Joined) -> _Body:
        runs = runs_of(text)
        known = {run.key: packed for run in runs if (packed := self._runs.get(run.key))}
        new = {run.key: run for run in runs if run.key not in known}
        packed = await asyncio.to_thread(_packed, runs, known, new)
        for key in new:
            self._runs.put(key, known[key])
        return _Body(packed, tuple([run.key for run in runs]))

    async def _shared(self, etag: str, packing: Coroutine[Any, Any, _Body]) -> _Body:
        """All who ask at the same time wait for the same work."""
        task = self._under_way.get(etag)
        if task is None:
            task = asyncio.create_task(packing)
            self._under_way[etag] = task
            task.add_done_callback(lambda _: self._under_way.pop(etag, None))
        else:
            packing.close()
        return await asyncio.shield(task)


def _size(body: _Body) -> int:
    return len(body.packed) + sum(map(len, body.runs))


def _whole(text: Joined, coding: Coding) -> _Body:
    return _Body(pack(text.body, coding))


def _packed(
    runs: Sequence[Packable], known: dict[bytes, bytes], new: dict[bytes, Packable]
) -> bytes:
    """The text in gzip's form; what is new is known then."""
    known.update({key: deflated(run) for key, run in new.items()})
    return gzipped(runs, [known[run.key] for run in runs])
