"""One file on its way: read, written in each format, and read back."""

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
from lxml import etree

from aggregator.core.errors import UnreadableFeed
from aggregator.core.excerpt import excerpt
from aggregator.core.knowledge import Knowledge
from aggregator.core.model import FeedInfo, NewEntry, PublishedEntry, PublishedSource, ReadEntry
from aggregator.core.normalize import normalize
from aggregator.core.publication import Channel
from aggregator.core.reconcile import Intake, reconcile
from aggregator.core.shown import Shown
from aggregator.core.stories import published_id
from aggregator.formats.item import Item, item_of
from aggregator.formats.jsonfeed_writing import write_json_feed
from aggregator.formats.reading import read_feed
from aggregator.formats.writing.atom import write_atom
from aggregator.formats.writing.rss import write_rss
from tests.formats.validity import atom_findings, json_findings, rss_findings

NOW = datetime(2026, 11, 26, tzinfo=UTC)
URL = "https://source.example/blog/feed"
KEY = "source"
SELF = "https://planet.example/feed"
_NOTHING = Knowledge(by_digest={}, by_link={}, tombstones=frozenset())
_FORMATS: dict[str, tuple[Any, Any]] = {
    "atom": (write_atom, atom_findings),
    "rss": (write_rss, rss_findings),
    "json": (write_json_feed, json_findings),
}


@dataclass(kw_only=True)
class Trip:
    """What became of a file."""

    path: str
    readable: bool = True
    entries: int = 0
    documents: int = 0
    failures: list[str] = field(default_factory=list)


def take(folder: Path, path: str) -> Trip:
    body = (folder / path).read_bytes()
    try:
        feed = read_feed(body, content_type="", url=URL)
    except UnreadableFeed:
        return Trip(path=path, readable=False)
    entries = normalize(feed.entries)
    news = reconcile(entries, _NOTHING, Intake(backfill=None), first=True, now=NOW).new
    shown = list(as_shown(news, feed.info))
    trip = Trip(path=path, entries=len(shown))
    for format, (write, findings) in _FORMATS.items():
        channel = _channel(shown)
        written = write(channel, shown)
        trip.documents += 1
        found = [*findings(written.body, self_url=SELF), *_compared(format, written.body, shown)]
        found += [f"dropped {id}" for id in written.dropped]
        trip.failures += [f"{format}: {each}" for each in found]
    return trip


def as_shown(news: Sequence[NewEntry], info: FeedInfo) -> Iterator[Shown]:
    """As the store would show them, each under an id of its own."""
    source = PublishedSource(key=KEY, name=info.title or KEY, url=URL, info=info)
    held: set[str] = set()
    for number, new in enumerate(news):
        guid = new.entry.guid
        id = published_id(KEY, guid)
        if id in held:
            id = published_id(KEY, f"{guid}\n{number}", taken=True)
        held.add(id)
        content = new.entry.content
        entry = PublishedEntry(
            id=id,
            guid=guid,
            source=source,
            # Undated entries of one poll: equal dates on all of them say nothing to a reader.
            published=min(new.published, NOW - timedelta(minutes=20 + number)),
            updated=min(new.updated, NOW - timedelta(minutes=20 + number)),
            first_seen=new.first_seen,
            changed_at=NOW,
            content=content,
        )
        beginning = excerpt(
            content.text or content.summary,
            language=content.language,
            length=350,
            placeholders=(("", "[code]"),),
        )
        yield Shown(entry=entry, excerpt=beginning)


def _channel(shown: Sequence[Shown]) -> Channel:
    updated = max((each.entry.updated for each in shown), default=NOW)
    page = "https://planet.example/"
    return Channel(title="Planet", id=page, self_url=SELF, page_url=page, updated=updated)


def _compared(format: str, body: bytes, shown: Sequence[Shown]) -> Iterator[str]:
    if format != "json":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = feedparser.parse(io.BytesIO(body))
        if parsed.bozo:
            yield f"feedparser: {parsed.bozo_exception}"
        if len(parsed.entries) != len(shown):
            yield f"feedparser: {len(parsed.entries)} entries of {len(shown)}"
    if format == "rss":  # readers differ on whether a title may hold HTML: the text itself
        titles = [title.text for title in etree.fromstring(body).findall("channel/item/title")]
        if titles != [item_of(each).heading for each in shown]:
            yield "titles differ"
    found = read_feed(body, content_type="", url=SELF).entries
    if len(found) != len(shown):
        yield f"{len(found)} entries of {len(shown)}"
        return
    for before, after in zip(shown, found, strict=True):
        for name, wanted, got in _facts(format, item_of(before), after):
            if wanted != got:
                yield f"{before.entry.id[:80]}: {name} {wanted!r:.200} became {got!r:.200}"


def _facts(format: str, item: Item, after: ReadEntry) -> Iterator[tuple[str, Any, Any]]:
    """What an entry was, and what it is now."""
    content = after.content
    yield "id", item.id, after.guid
    if format != "rss":
        yield "title", item.title if format == "json" else item.heading, content.title
    yield "link", item.link, content.link
    whole = after.published and after.published.replace(microsecond=0)
    yield "published", item.published.replace(microsecond=0), whole
    if format != "rss":
        yield "updated", item.updated, after.updated
    files = [(file.url, file.length) for file in item.enclosures]
    # RSS demands a length: 0 is an unknown one.
    yield "files", files, [(file.url, file.length or None) for file in content.enclosures]
    yield from _source(format, item, after)


def _source(format: str, item: Item, after: ReadEntry) -> Iterator[tuple[str, Any, Any]]:
    origin, found = item.origin, after.content.origin
    if origin:
        wanted = origin.title
    elif format == "json":  # it names the key of the source, which is nothing to others
        return
    else:
        wanted = " ".join(item.source.name.split())
    yield "source", wanted, found.title if found else None
