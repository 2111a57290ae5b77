"""A publisher with its entries at hand, and entries to give it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.joined import in_one
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.core.model import Content, FeedInfo, PublishedEntry, PublishedSource
from aggregator.core.publication import CONTENT_TYPES, Document, Format, Publication, Site
from aggregator.core.shown import Shown
from aggregator.core.wire import Validators
from aggregator.service.catalogue import Catalogue, Kind
from aggregator.service.documents import Prepare
from aggregator.service.entry_lists import EntryLists
from aggregator.service.paging import Page
from aggregator.service.ports import PastPoll, SourceHealth
from aggregator.service.source_pages import SourcePage
from tests.fakes import FakeClock
from tests.store.memory import MemoryStore

NOON = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)
SITE = Site(title="Latest updates", url="https://planet.example/", tagline="Incoming transmission")
LATEST = Publication(slug="latest", title="Latest updates", path="")
PAPERS = Publication(slug="papers", title="Papers", path="publications/papers")


def source(key: str = "blog", name: str = "A Blog") -> PublishedSource:
    return PublishedSource(key=key, name=name, url=f"https://{key}.example/feed")


def shown(
    content: Content | None = None,
    *,
    excerpt: str = "How it begins",
    number: int = 1,
    origin: PublishedSource | None = None,
    also_in: tuple[PublishedSource, ...] = (),
) -> Shown:
    at = NOON - timedelta(hours=number)
    entry = PublishedEntry(
        id=f"https://blog.example/{number}",
        guid=str(number),
        source=origin or source(),
        also_in=also_in,
        published=at,
        updated=at,
        first_seen=NOON,
        changed_at=NOON,
        content=content or Content(title=f"Entry {number}", link=f"https://blog.example/{number}"),
    )
    return Shown(entry=entry, excerpt=excerpt)


def health(key: str = "blog") -> SourceHealth:
    return SourceHealth(
        key=key,
        url=f"https://{key}.example/feed",
        name="A Blog",
        info=FeedInfo(),
        enabled=True,
        last_poll_at=NOON,
        last_success_at=NOON,
        next_poll_at=NOON + timedelta(hours=1),
        next_poll_reason="interval",
        paused_until=None,
        failures=0,
        gone_count=0,
        throttles=0,
        last_status=200,
        last_error=None,
        moved_to=None,
        suggested_url=None,
        entries=7,
    )


def past_poll(**changes) -> PastPoll:
    facts: dict[str, Any] = {
        "polled_at": NOON,
        "outcome": "new",
        "status": 200,
        "bytes": 12345,
        "elapsed": timedelta(milliseconds=250),
        "error": None,
        "sent": Validators(),
        "received": Validators(etag='W/"<1>"'),
    }
    return PastPoll(**{**facts, **changes})


class FakePublisher:
    """`failing` takes the place of the database's answers."""

    def __init__(
        self,
        entries: Sequence[Shown] = (),
        *,
        site: Site = SITE,
        tags: Sequence[str] = (),
        healths: Sequence[SourceHealth] = (),
    ) -> None:
        self.site = site
        self.entries = tuple(entries)
        self._tags = tags
        self.healths = list(healths)
        self.polls: list[PastPoll] = []
        self.revision = 1
        self.failing: Exception | None = None
        self.lifetime = timedelta(minutes=5)
        self.hub: str | None = None

    def prepare_with(self, prepare: Prepare) -> None:
        """None of its documents takes the place of another."""

    def publications(self) -> tuple[Publication, ...]:
        return (LATEST, PAPERS)

    def tags(self) -> dict[str, frozenset[str]]:
        return dict.fromkeys(self._tags, frozenset({"blog"}))

    def find(self, kind: Kind, name: str) -> Publication:
        known = {
            "publications": {each.slug: each for each in self.publications()},
            "sources": {"blog": Publication(slug="blog", title="A Blog", path="sources/blog")},
            "tags": {
                tag: Publication(slug=tag, title=tag, path=f"tags/{quote(tag, safe='')}")
                for tag in self._tags
            },
        }
        try:
            return known[kind][name]
        except KeyError:
            raise UnknownPublication(name) from None

    def searching(self, text: str) -> Publication:
        query = (("q", text),)
        return Publication(slug="search", title=text, path="search", query=query, search=text)

    async def document(
        self, publication: Publication, format: Format, leaf: Leaf = NEWEST
    ) -> Document:
        self._answer()
        if leaf.page > 2 or (leaf.volume and leaf.volume.number > 2):
            raise UnknownPublication(f"{leaf}")
        which = publication.at(format, page=leaf.page, volume=leaf.volume)
        body = f"{publication.slug} as {format}, revision {self.revision}, {which} ".encode() * 50
        tag = f"{publication.slug}-{format}-{self.revision}-{leaf.page}-{leaf.volume}"
        return Document(
            text=in_one(body),
            content_type=CONTENT_TYPES[format],
            etag=f'"{tag}"',
            last_modified=NOON,
            self_url=self.site.url + which,
            hub=self.hub,
        )

    def moved(self, *_) -> Publication | None:
        return None

    async def was_served(self, *_) -> bool:
        return False

    async def news(self, *_) -> bytes | None:
        return None

    async def fresh_for(
        self,
        publication: Publication | None = None,  # noqa: ARG002 - all of them alike
        until: datetime | None = None,  # noqa: ARG002
    ) -> timedelta:
        return self.lifetime

    async def page(self, publication: Publication, number: int) -> Page:
        self._answer()
        size = self.site.page_size
        pages = max(1, -(-len(self.entries) // size))
        if not 1 <= number <= pages:
            raise UnknownPublication(str(number))
        return Page(
            publication=publication,
            number=number,
            pages=pages,
            count=len(self.entries),
            entries=self.entries[(number - 1) * size : number * size],
            etag=f'"{self.revision}-{number}"',
            last_modified=NOON,
        )

    async def sources(self, number: int) -> SourcePage:
        self._answer()
        if number != 1:
            raise UnknownPublication(str(number))
        return SourcePage(number=1, pages=1, sources=self.healths)

    async def source(self, key: str) -> tuple[SourceHealth, list[PastPoll]]:
        self._answer()
        for found in self.healths or [health(key)]:
            if found.key == key:
                return found, self.polls
        raise UnknownPublication(key)

    async def opml(self) -> bytes:
        self._answer()
        return b"<opml/>"

    def _answer(self) -> None:
        if self.failing:
            raise self.failing

    def break_store(self) -> None:
        self.failing = StoreError("no such table: secret")


def no_lists() -> EntryLists:
    """Lists of a database in which nothing is stored."""
    nothing = Catalogue(site=SITE, publications=(LATEST,), names={}, tags={})
    return EntryLists(store=MemoryStore(), clock=FakeClock(), catalogue=nothing)


async def no_news() -> AsyncIterator[int]:
    """Nothing ever changes."""
    yield 0
    await asyncio.Event().wait()


class FakeHealth:
    def __init__(self, *problems: str) -> None:
        self._problems = problems

    async def problems(self) -> tuple[str, ...]:
        return self._problems


class Reports:
    """What was reported."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Exception]] = []

    def __call__(self, request: str, error: Exception) -> None:
        self.heard.append((request, error))


class Guestbook:
    """Who was given which document."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []

    def note(self, *, document: str, address: str, agent: str) -> None:
        self.lines.append((document, address, agent))
