"""One reading process, as seen from our side."""

import asyncio
import contextlib
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import aggregator
from aggregator.cage import answers, frames
from aggregator.cage.limits import Limits
from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import ReadEntry, ReadFeed
from aggregator.formats.known_slices import Rest, without_known
from aggregator.service.ports import Document

_START_SECONDS = 60.0
"""A board that starts with many things to do takes its time for the imports."""


_EXIT_SECONDS = 2.0


_LARGE = 1_000_000
"""Bytes of a document in which to find known items takes the event loop more than a millisecond."""


class KilledFromOutside(UnreadableFeed):
    """The process got a SIGKILL that was not ours, which need not be the document's fault."""


class ReadingProcess:
    """A confined child that reads documents one by one."""

    def __init__(self, process: Process, limits: Limits) -> None:
        self._process = process
        self._limits = limits
        self.documents = 0
        """How many it was given."""
        self.usable = True
        """False while it reads, and for good once it did not answer."""

    @classmethod
    async def start(cls, limits: Limits) -> Self:
        """A child that waits for documents. Raises UnreadableFeed when it does not come up."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-W", "ignore", "-m", "aggregator.cage.worker"),
            json.dumps(asdict(limits)),
            stdin=PIPE,
            stdout=PIPE,
            # Nothing of ours: no secret of our environment is worth anything in there.
            env={
                "PYTHONPATH": str(Path(aggregator.__file__).parents[1]),
                "PYTHONUTF8": "1",
                "OPENBLAS_NUM_THREADS": "1",  # each would take address space (`languages`)
            },
            start_new_session=True,  # Ctrl-C on the terminal is for us to handle
        )
        child = cls(process, limits)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await child._receive()
        except (asyncio.IncompleteReadError, TimeoutError) as error:
            status = await child._exit_status()
            raise UnreadableFeed(f"the reading process did not start ({status})") from error
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def read(self, document: Document) -> ReadFeed:
        """Raises UnreadableFeed; `usable` says whether that was the end of the process."""
        if document.known_items and (rest := await _rest_of(document)):
            try:
                feed = await self._ask(*frames.request_for_rest(document, rest))
            except answers.WholeWanted:
                pass
            else:
                return answers.with_resting(feed, rest.sketches)
        return await self._ask(*frames.request(document))

    async def _ask(self, *payloads: bytes) -> ReadFeed:
        self.documents += 1
        self.usable = False
        try:
            async with asyncio.timeout(self._limits.wall_seconds):
                await self._send(*payloads)
                return await self._answer()
        except TimeoutError as error:
            reason = f"reading took more than {self._limits.wall_seconds:g} s"
            raise UnreadableFeed(reason) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise self._cause(await self._exit_status()) from error

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> int:
        """Kills it, and leaves neither a zombie nor an open pipe. Returns its status."""
        self.usable = False
        self.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.communicate()
        return await self._process.wait()

    async def _exit_status(self) -> int:
        """The status of a process that has closed its end: it is about to exit by itself."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_SECONDS):
                await self._process.wait()
        return await self.end()

    def _cause(self, status: int) -> UnreadableFeed:
        match -status:
            case signal.SIGXCPU:
                return UnreadableFeed(f"reading took more than {self._limits.cpu_seconds} s of CPU")
            case signal.SIGKILL:
                return KilledFromOutside("the reading process was killed by the system")
            case signal.SIGABRT | signal.SIGSEGV | signal.SIGBUS:
                return UnreadableFeed(
                    f"reading broke the process, most likely for want of memory ({status})"
                )
            case _:
                return UnreadableFeed(f"the reading process ended ({status})")

    async def _send(self, *payloads: bytes) -> None:
        if self._process.stdin is None:
            raise ConnectionError("no pipe")
        self._process.stdin.writelines(frames.framed(payloads))
        await self._process.stdin.drain()

    async def _answer(self) -> ReadFeed:
        """Taken apart piece by piece, so that a large one does not keep our loop from the rest."""
        entries: list[ReadEntry] = []
        received = 0
        while frames.is_part(payload := await self._receive()):
            received += len(payload)
            if received > frames.LARGEST_REPLY:
                raise ConnectionError("an impossible reply")
            entries += answers.entries_of(payload)
            await asyncio.sleep(0)
        self.usable = not frames.is_last(payload)
        feed = answers.feed_of(payload)
        return replace(feed, entries=(*entries, *feed.entries)) if entries else feed

    async def _receive(self) -> bytes:
        if self._process.stdout is None:
            raise ConnectionError("no pipe")
        head = await self._process.stdout.readexactly(frames.LENGTH.size)
        (length,) = frames.LENGTH.unpack(head)
        if length > frames.LARGEST_REPLY:
            raise ConnectionError("an impossible reply")
        return await self._process.stdout.readexactly(length)


async def _rest_of(document: Document) -> Rest | None:
    if len(document.body) < _LARGE:
        return without_known(document.body, document.known_items)
    return await asyncio.to_thread(without_known, document.body, document.known_items)
