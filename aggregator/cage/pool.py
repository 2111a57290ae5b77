"""Reading in processes that may die of it: `service.ports.Reader` for documents from anywhere.

Parsers meet input that costs them minutes or gigabytes. Here it costs one child process, and the
source that sent it one poll; the next document is read by the next process.
"""

import asyncio

from aggregator.cage.limits import Limits
from aggregator.cage.process import KilledFromOutside, ReadingProcess
from aggregator.core.model import ReadFeed
from aggregator.service.ports import Document

DOCUMENTS_PER_PROCESS = 10_000
"""Then a fresh one takes over, whatever the libraries may have leaked by then. Its start costs as
much as some hundreds of documents."""


class CagedReader:
    """Reads with at most `workers` processes, each started when it is first needed."""

    def __init__(self, *, workers: int, limits: Limits) -> None:
        self._limits = limits
        self._slots = asyncio.Semaphore(workers)
        self._idle: list[ReadingProcess] = []
        self._busy: set[ReadingProcess] = set()
        self._closed = False

    async def read(self, document: Document) -> ReadFeed:
        """Raises UnreadableFeed, also when reading took too much memory, CPU or time."""
        async with self._slots:
            try:
                return await self._read(document)
            except KilledFromOutside:  # perhaps while it was idle: the document gets one more try
                if self._closed:
                    raise
                return await self._read(document)

    async def aclose(self) -> None:
        """Ends all processes; whoever still waits for one gets UnreadableFeed."""
        self._closed = True
        for process in self._busy:
            process.kill()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(process.end() for process in idle))

    async def _read(self, document: Document) -> ReadFeed:
        process = await self._take()
        self._busy.add(process)
        try:
            return await process.read(document)
        finally:  # cancelled, too: its answer must not be taken for that to the next document
            self._busy.discard(process)
            worn = process.documents >= DOCUMENTS_PER_PROCESS
            if process.usable and not worn and not self._closed:
                self._idle.append(process)
            else:
                await process.end()

    async def _take(self) -> ReadingProcess:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            await process.end()
        return await ReadingProcess.start(self._limits)
