"""Stand-ins for the wire, the cage, the clock and the log; each signs the real one's contract."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from aggregator.cage.answers import with_resting
from aggregator.core.digest import body_digest
from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import ReadFeed
from aggregator.core.wire import Answer, Fetched, FetchRequest, NotModified, Validators
from aggregator.formats.known_slices import without_known
from aggregator.formats.reading import read_feed, read_rest
from aggregator.service.ports import Document
from aggregator.service.reports import PollReport
from tests.builders import NOON


class FakeClock:
    """Stands still until told."""

    def __init__(self, at: datetime = NOON) -> None:
        self.wall = at
        self.elapsed = timedelta()

    def now(self) -> datetime:
        return self.wall

    def steady(self) -> datetime:
        return NOON + self.elapsed

    def pass_(self, **span: float) -> None:
        self.wall += timedelta(**span)
        self.elapsed += timedelta(**span)

    def step_the_wall_clock(self, **span: float) -> None:
        self.wall += timedelta(**span)


class ScriptedFetcher:
    """Answers by address, conditional requests too; remembers what was asked.

    An answer may be a function of the request.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[FetchRequest], Answer]] = {}
        self.requests: list[FetchRequest] = []
        self.under_way = 0
        self.most_under_way = 0

    async def fetch(self, request: FetchRequest) -> Answer:
        self.requests.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)  # others get their turn, as on a real wire
        self.under_way -= 1
        answer = self.answers[request.url]
        if callable(answer):
            return answer(request)
        if isinstance(answer, Fetched) and Validators() != request.validators == answer.validators:
            return NotModified(
                validators=Validators(),
                fresh_for=answer.fresh_for,
                permanent_url=answer.permanent_url,
            )
        return answer


class ShelfReader:
    """Reads the documents that stand on its shelf, by their bytes."""

    def __init__(self) -> None:
        self.shelf: dict[bytes, ReadFeed] = {}
        self.read_count = 0
        self.bases: list[str] = []
        self.players: list[bool] = []

    async def read(self, document: Document) -> ReadFeed:
        self.read_count += 1
        self.bases.append(document.url)
        self.players.append(document.players)
        if document.body not in self.shelf:
            raise UnreadableFeed("an HTML page, not a feed")
        return self.shelf[document.body]


class Notebook:
    """A watch that writes down what it is told."""

    def __init__(self) -> None:
        self.reports: list[PollReport] = []
        self.failures: list[tuple[str, Exception]] = []
        self.finds: list[tuple[str, str]] = []
        self.waits: list[str] = []

    def polled(self, report: PollReport) -> None:
        self.reports.append(report)

    def found(self, source: str, url: str) -> None:
        self.finds.append((source, url))

    def waits_for(self, host: str) -> None:
        self.waits.append(host)

    def failed(self, doing: str, error: Exception) -> None:
        self.failures.append((doing, error))

    @property
    def outcomes(self) -> dict[str, str]:
        return {report.source: report.outcome for report in self.reports}


def fetched(body: bytes, url: str = "https://a.example/feed", **changes) -> Fetched:
    """A document of a server that answers conditional requests, as most do."""
    validators = Validators(etag=f'"{body_digest(body).hex()}"')
    facts = {"status": 200, "content_type": "application/rss+xml", "validators": validators}
    return Fetched(url=url, body=body, **{**facts, **changes})


def read_in_place(document: Document) -> ReadFeed:
    """As the cage reads, in this process."""
    as_it_is = {
        "content_type": document.content_type,
        "url": document.url,
        "players": document.players,
        "known_head": document.known_head,
    }
    rest = without_known(document.body, document.known_items)
    feed = read_rest(rest, **as_it_is) if rest else None  # type: ignore[arg-type]
    if rest and feed:
        return with_resting(feed, rest.sketches)
    known = [digest for digest, _, _ in document.known_items]
    return read_feed(document.body, **as_it_is, known_items=known)  # type: ignore[arg-type]
