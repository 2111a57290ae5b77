"""A trial of the operator's templates: pages that have everything, and pages that have little."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aggregator.core.model import (
    Content,
    Enclosure,
    FeedInfo,
    Origin,
    Person,
    PublishedEntry,
    PublishedSource,
)
from aggregator.core.publication import Publication, Site
from aggregator.core.pushes import PushHealth
from aggregator.core.shown import Shown
from aggregator.core.wire import Validators
from aggregator.service.paging import Page
from aggregator.service.ports import PastPoll, SourceHealth
from aggregator.service.source_pages import SourcePage
from aggregator.web.pages import Pages, Place

_AT = datetime(2026, 1, 1, tzinfo=UTC)
_URL = "https://example.org/"


def template_faults(folder: Path | None) -> tuple[str, ...]:
    """What is wrong with the templates of a folder, each with file and line."""
    if folder is None:
        return ()
    heard: list[str] = []
    pages = Pages(folder, report=lambda _, error: heard.append(str(error)))
    unreadable = [str(fault) for fault in pages.faults()]
    for place in (_place(), replace(_place(), site=_bare_site(), tags={})):
        _make_all(pages, place)
    return tuple(dict.fromkeys([*unreadable, *heard]))


def _make_all(pages: Pages, place: Place) -> None:
    for page in _pages():
        pages.entries(place, page)
        pages.search(place, page, "looked for")
        for health in _healths():
            pages.source(place, page, health, [_poll()], _AT)
    pages.sources(place, SourcePage(number=1, pages=1, sources=[]), _AT)
    pages.sources(place, SourcePage(number=2, pages=3, sources=list(_healths())), _AT)
    pages.tags(place)
    pages.search_start(place)
    pages.failure(place, 404)


def _bare_site() -> Site:
    return Site(title="Trial", url=_URL)


def _place() -> Place:
    site = replace(
        _bare_site(),
        tagline="Tagline",
        description="Description",
        language="en",
        author="Author",
        icon=f"{_URL}icon.png",
        noindex=True,
    )
    latest, other = _publication("latest", ""), _publication("other", "publications/other")
    return Place(
        site=site, path="", navigation=(latest, other), tags={"tag": frozenset({"source"})}
    )


def _publication(slug: str, path: str) -> Publication:
    return Publication(slug=slug, title="Publication", path=path, description="Description")


def _pages() -> Iterator[Page]:
    """One in the middle, and one that is empty."""
    middle = Page(
        publication=_publication("other", "publications/other"),
        number=5,
        pages=9,
        count=100,
        entries=(_rich(), _poor()),
        etag='"trial"',
        last_modified=_AT,
    )
    yield middle
    yield replace(middle, number=1, pages=1, count=0, entries=())


def _source(key: str) -> PublishedSource:
    return PublishedSource(key=key, name="Source", url=f"{_URL}feed")


def _poor() -> Shown:
    entry = PublishedEntry(
        id=_URL,
        guid=_URL,
        source=_source("source"),
        published=_AT,
        updated=_AT,
        first_seen=_AT,
        changed_at=_AT,
        content=Content(),
    )
    return Shown(entry=entry, excerpt="")


def _rich() -> Shown:
    content = Content(
        title="Title",
        link=_URL,
        authors=(Person(name="Author", uri=_URL), Person(name="Other")),
        language="en",
        categories=("category",),
        enclosures=(
            Enclosure(url=f"{_URL}a.mp3", type="audio/mpeg", length=1, duration=1),
            Enclosure(url=f"{_URL}b"),
        ),
        image=f"{_URL}a.png",
        comments=_URL,
        origin=Origin(title="Origin", id=_URL, link=_URL),
    )
    entry = replace(
        _poor().entry,
        also_in=(_source("other"),),
        updated=_AT + timedelta(days=2),
        content=content,
    )
    return Shown(entry=entry, excerpt="Excerpt")


def _healths() -> Iterator[SourceHealth]:
    """One that was never polled, and one of which everything is known."""
    fresh = SourceHealth(
        key="source",
        url=f"{_URL}feed",
        name=None,
        info=FeedInfo(),
        enabled=True,
        last_poll_at=None,
        last_success_at=None,
        next_poll_at=_AT,
        next_poll_reason="Reason",
        paused_until=None,
        failures=0,
        gone_count=0,
        throttles=0,
        last_status=None,
        last_error=None,
        moved_to=None,
        suggested_url=None,
        entries=0,
    )
    yield fresh
    yield replace(
        fresh,
        name="Source",
        last_poll_at=_AT,
        last_success_at=_AT,
        failures=2,
        last_status=503,
        last_error="Error",
        moved_to=_URL,
        suggested_url=_URL,
        entries=1,
        push=PushHealth(hub=_URL, state="active", delivered_at=_AT, error="Error"),
    )
    yield replace(fresh, enabled=False)


def _poll() -> PastPoll:
    return PastPoll(
        polled_at=_AT,
        outcome="failed",
        status=503,
        bytes=1,
        elapsed=timedelta(seconds=1),
        error="Error",
        sent=Validators(etag='"tag"', last_modified="Date"),
        received=Validators(),
    )
