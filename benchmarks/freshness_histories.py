"""When real sources published: from series of snapshots, and from single documents."""

import csv
import io
import re
import tarfile
from calendar import timegm
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import feedparser
from lxml import etree

FEWEST_ENTRIES = 8
EARLIEST = datetime(1995, 1, 1, tzinfo=UTC).timestamp()
LATEST = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
"""A date outside is a mistake of the document."""

WITHOUT_TIME = re.compile(r"^[^:]*$|[T ]00:00(:00)?(\D|$)")
"""A bare day, or the midnight that a generator makes of one."""

SNAPSHOT_TIME = re.compile(r"_(\d{8}T\d{6})_")
DATE_TAGS = ("published", "issued", "pubDate", "date", "updated", "modified")
IDENTITY_TAGS = ("id", "guid", "link", "title")


@dataclass(frozen=True, slots=True)
class History:
    """Publications of one source, oldest first, and the end of what is known of it; seconds
    since 1970."""

    name: str
    published: tuple[float, ...]
    until: float


@dataclass(frozen=True, slots=True)
class Dated:
    identity: str
    date: float
    has_time: bool


def histories(corpora: Path) -> list[History]:
    """Of sources that tell the time of day, each source once, in a fixed order."""
    found = [*_from_snapshots(corpora / "history"), *_from_documents(corpora)]
    return _distinct(one for one in found if len(one.published) >= FEWEST_ENTRIES)


def _distinct(found: Iterable[History]) -> list[History]:
    """The same site comes in several files; the longest history of it stays."""
    kept: list[History] = []
    taken: set[float] = set()
    for one in sorted(found, key=lambda one: (-len(one.published), one.name)):
        if sum(at in taken for at in one.published) * 2 < len(one.published):
            kept.append(one)
            taken.update(one.published)
    return sorted(kept, key=lambda one: one.name)


def _from_documents(corpora: Path) -> Iterator[History]:
    with (corpora / "feeds.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "real"]
    for row in rows:
        if int(row["entries"]) >= FEWEST_ENTRIES:
            entries = list(_read_document((corpora / "feeds" / row["path"]).read_bytes()))
            dates = {entry.identity: entry.date for entry in entries}
            yield from _told(row["path"], entries, list(dates.values()), 0.0)


def _read_document(body: bytes) -> Iterator[Dated]:
    read = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    for entry in read.entries:
        for word in ("published", "updated"):
            # feedparser answers `updated` with `published` where it is missing.
            if word in entry and entry.get(f"{word}_parsed"):
                identity = entry.get("id") or entry.get("link") or entry.get("title", "")
                yield Dated(
                    identity,
                    float(timegm(entry[f"{word}_parsed"])),
                    not WITHOUT_TIME.search(entry[word]),
                )
                break


def _from_snapshots(folder: Path) -> Iterator[History]:
    for path in sorted(folder.glob("*.tar.xz")):
        seen: dict[str, float] = {}
        entries: list[Dated] = []
        before = taken_at = 0.0
        for taken_at, body in _snapshots(path):
            for entry in _read_snapshot(body):
                if entry.identity not in seen:
                    seen[entry.identity] = _appeared(entry.date, before, taken_at)
                    entries.append(entry)
            before = taken_at
        yield from _told(path.name, entries, list(seen.values()), taken_at)


def _appeared(date: float, before: float, taken_at: float) -> float:
    """Its own date, unless an earlier snapshot shows that it was not there yet."""
    return date if before <= date <= taken_at or not before else taken_at


def _snapshots(path: Path) -> Iterator[tuple[float, bytes]]:
    bodies = {}
    with tarfile.open(path) as archive:
        for member in archive:
            file, time = archive.extractfile(member), SNAPSHOT_TIME.search(member.name)
            if file is not None and time is not None:
                stamp = datetime.strptime(time[1] + "+0000", "%Y%m%dT%H%M%S%z").timestamp()
                bodies[member.name] = (stamp, file.read())
    for _, snapshot in sorted(bodies.items()):
        yield snapshot


def _read_snapshot(body: bytes) -> Iterator[Dated]:
    parser = etree.XMLParser(recover=True, resolve_entities=False, huge_tree=True)
    root = etree.fromstring(body, parser) if body.strip() else None
    if root is None:
        return
    for element in root.iter("{*}entry", "{*}item"):
        texts = {
            etree.QName(child).localname: (child.text or child.get("href") or "").strip()
            for child in reversed(element)
            if isinstance(child.tag, str)
        }
        identity = next((texts[tag] for tag in IDENTITY_TAGS if texts.get(tag)), "")
        written = next((texts[tag] for tag in DATE_TAGS if texts.get(tag)), "")
        date = _seconds(written)
        if date is not None:
            yield Dated(identity, date, not WITHOUT_TIME.search(written))


def _seconds(written: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = read(written)
        except ValueError:
            continue
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return None


def _told(name: str, entries: list[Dated], times: list[float], until: float) -> Iterator[History]:
    """Nothing, where most dates are bare days: nobody can be early or late by the hour then."""
    if sum(entry.has_time for entry in entries) * 2 > len(entries):
        published = tuple(sorted({at for at in times if EARLIEST < at < LATEST}))
        yield History(name, published, max(until, *published[-1:], 0.0))
