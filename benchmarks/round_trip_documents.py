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

from aggregator.core.dates import FEWEST_STAMPED
from aggregator.core.errors import UnreadableFeed
from aggregator.core.excerpt import excerpt
from aggregator.core.knowledge import Knowledge
from aggregator.core.model import FeedInfo, NewEntry, PublishedEntry, PublishedSource, ReadEntry
from aggregator.core.normalize import normalize
from aggregator.core.publication import Channel
from aggregator.core.reconcile import Intake, reconcile
from aggregator.core.shown import Shown
from aggregator.core.stories import published_id
from aggregator.formats.item import Item, item_of, source_name
from aggregator.formats.reading import read_feed
from tests.formats.validity import MEDIA_CONTENT, atom_findings, json_findings, rss_findings
from tests.formats.whole import write_atom, write_json_feed, write_rss

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


def _parsed(body: bytes, count: int) -> Iterator[str]:
    """What feedparser finds wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = feedparser.parse(io.BytesIO(body))
    if parsed.bozo:
        yield f"feedparser: {parsed.bozo_exception}"
    if len(parsed.entries) != count:
        yield f"feedparser: {len(parsed.entries)} entries of {count}"


def _compared(format: str, body: bytes, shown: Sequence[Shown]) -> Iterator[str]:
    items = [item_of(each) for each in shown]
    if format != "json":
        yield from _parsed(body, len(items))
    if format == "rss":
        yield from _rss_differences(body, items)
    found = read_feed(body, content_type="", url=SELF).entries
    if len(found) != len(items):
        yield f"{len(found)} entries of {len(items)}"
        return
    # One date on every entry says nothing to our reader, and it is right about most feeds.
    dated = len({item.published for item in items}) > 1 or len(items) < FEWEST_STAMPED
    for item, after in zip(items, found, strict=True):
        for name, wanted, got in _facts(format, item, after, dated=dated):
            if wanted != got:
                yield f"{item.id[:80]}: {name} {wanted!r:.200} became {got!r:.200}"


def _rss_differences(body: bytes, items: Sequence[Item]) -> Iterator[str]:
    """What readers do not agree about, as it stands: whether a title may hold HTML, and whether a
    picture in `media:content` is a file of the entry.
    """
    for item, element in zip(items, etree.fromstring(body).findall("channel/item"), strict=True):
        if (title := element.findtext("title")) != item.heading:
            yield f"{item.id[:80]}: title {item.heading!r:.200} became {title!r:.200}"
        files = [*element.findall("enclosure"), *element.findall(MEDIA_CONTENT)]
        urls = list(dict.fromkeys(file.get("url") for file in files))
        if urls != [file.url for file in item.enclosures]:
            yield f"{item.id[:80]}: files became {urls!r:.200}"


def _facts(
    format: str, item: Item, after: ReadEntry, *, dated: bool
) -> Iterator[tuple[str, Any, Any]]:
    """What an entry was, and what it is now."""
    content = after.content
    yield "id", item.id, after.guid
    if item.link:  # else a reader takes the first file for the page, or the id
        yield "link", item.link, content.link
    if dated:
        whole = after.published and after.published.replace(microsecond=0)
        yield "published", item.published.replace(microsecond=0), whole
    if format != "rss":
        yield "title", item.title if format == "json" else item.heading, content.title
        yield "updated", item.updated if dated else after.updated, after.updated
        files = [(file.url, file.length) for file in item.enclosures]
        yield "files", files, [(file.url, file.length or None) for file in content.enclosures]
    yield from _source(format, item, after)


def _source(format: str, item: Item, after: ReadEntry) -> Iterator[tuple[str, Any, Any]]:
    origin, found = item.origin, after.content.origin
    if origin and (format != "rss" or origin.url or origin.link):  # RSS has no id to name it by
        wanted = origin.title
    elif format == "json":  # it names the key of the source, which is nothing to others
        return
    else:
        wanted = source_name(item.source)
    yield "source", wanted, found.title if found else None
