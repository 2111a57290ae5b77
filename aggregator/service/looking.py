"""A look at a source without storing anything: fetch and read, as a poll would."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aggregator.core.errors import UnreadableFeed
from aggregator.core.urls import host_of
from aggregator.core.wire import Failed, Fetched, FetchRequest, Gone, NotModified
from aggregator.service.ports import Document, Fetcher, Reader
from aggregator.service.turns import HostTurns


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a source shows today."""

    source: str
    status: int | None = None
    format: str | None = None
    title: str | None = None
    entries: int = 0
    error: str | None = None


class Looker:
    """Looks at sources side by side, `at_once` of them."""

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        reader: Reader,
        requests: Mapping[str, FetchRequest],
        turns: HostTurns,
        at_once: int,
    ) -> None:
        self._fetcher = fetcher
        self._reader = reader
        self._requests = requests
        self._turns = turns
        self._slots = asyncio.Semaphore(at_once)

    async def look_at_all(self) -> AsyncIterator[Look]:
        """Each source as it is done."""
        looks = [asyncio.create_task(self.look(key)) for key in self._requests]
        for done in asyncio.as_completed(looks):
            yield await done

    async def look(self, source: str) -> Look:
        request = self._requests[source]
        async with self._turns.turn(host_of(request.url)), self._slots:
            answer = await self._fetcher.fetch(request)
            match answer:
                case Fetched():
                    return await self._read(source, answer)
                case NotModified(status=status) | Gone(status=status):
                    error = f"HTTP {status} {HTTPStatus(status).phrase}"
                    return Look(source=source, status=status, error=error)
                case Failed(status=status, reason=reason):
                    return Look(source=source, status=status, error=reason)

    async def _read(self, source: str, fetched: Fetched) -> Look:
        document = Document(body=fetched.body, content_type=fetched.content_type, url=fetched.url)
        try:
            feed = await self._reader.read(document)
        except UnreadableFeed as error:
            return Look(source=source, status=fetched.status, error=str(error))
        return Look(
            source=source,
            status=fetched.status,
            format=feed.format,
            title=feed.info.title,
            entries=len(feed.entries),
        )
