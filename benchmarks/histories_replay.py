"""One series of snapshots, polled in order through the real pipeline, with a clock that moves.

Only the wire and the cage stand aside: snapshots are answers, and documents are read here. What a
snapshot holds is found out by lxml alone, so that our reader does not judge itself.
"""

import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from lxml import etree

from aggregator.core.edits import is_significant
from aggregator.core.model import PublishedEntry, ReadEntry, ReadFeed
from aggregator.core.reconcile import Intake
from aggregator.core.urls import canonical_link
from aggregator.formats.reading import read_feed
from aggregator.service.ports import Document, Selection
from aggregator.store.sql import open_store
from tests.builders import NOON
from tests.fakes import FakeClock, fetched
from tests.service.world import World
from tests.store.memory import MemoryStore

ALL = Selection()
TAKEN_AT = re.compile(r"_(\d{8}T\d{6})_")
IDENTITY_TAGS = ("id", "guid", "link", "title")


@dataclass(frozen=True, slots=True)
class Snapshot:
    name: str
    taken_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Item:
    """An entry of a snapshot, as lxml has it."""

    key: str
    link: str
    title: str


@dataclass(slots=True)
class Tally:
    """What came of a series. The first five faults must be 0."""

    name: str
    snapshots: int = 0
    distinct: int = 0
    published: int = 0
    missing: int = 0
    twice: int = 0
    lifted: int = 0
    redated: int = 0
    """Entries whose date of publication we changed."""
    refused: int = 0
    """Polls that failed."""
    edits: int = 0
    significant: int = 0
    """Edits that `updates = "bump"` would lift, were they not of a whole document."""
    migrated: int = 0
    dates_moved: int = 0
    """Dates that the source moved."""
    most_edits: int = 0
    """Of one entry."""
    notes: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return self.missing + self.twice + self.lifted + self.redated


class HonestReader:
    """Reads as the cage does, in this process; remembers the last document."""

    def __init__(self) -> None:
        self.last: ReadFeed | None = None

    async def read(self, document: Document) -> ReadFeed:
        self.last = read_feed(document.body, content_type="", url=document.url)
        return self.last


def snapshots(path: Path) -> list[Snapshot]:
    """In the order of their names."""
    found: list[Snapshot] = []
    with tarfile.open(path) as archive:
        for member in archive:
            file, time = archive.extractfile(member), TAKEN_AT.search(member.name)
            if file is not None and time is not None:
                taken_at = datetime.strptime(time[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
                found.append(Snapshot(member.name, taken_at, file.read()))
    return sorted(found, key=lambda snapshot: snapshot.name)


async def replay(name: str, series: Sequence[Snapshot], database: str | None = None) -> Tally:
    """`database` is the address of an empty one; without, the store is in memory."""
    if database is None:
        return await _Replay(name, series, MemoryStore()).run()
    async with aclosing(await open_store(database)) as store:
        return await _Replay(name, series, store).run()


def _clock(series: Sequence[Snapshot]) -> FakeClock:
    clock = FakeClock(series[0].taken_at)
    clock.elapsed = clock.wall - NOON
    return clock


class _Replay:
    def __init__(self, name: str, series: Sequence[Snapshot], store: Any) -> None:
        self.series = series
        self.tally = Tally(name)
        self.reader = HonestReader()
        self.world = World(clock=_clock(series), store=store, reader=cast("Any", self.reader))
        self.shown: list[PublishedEntry] = []
        self.keys: set[str] = set()
        self.dates: dict[str, tuple[datetime | None, datetime | None]] = {}
        self.edits: Counter[str] = Counter()
        self.past: set[tuple[str, str]] = set()

    async def run(self) -> Tally:
        url = await self.world.add("history", intake=Intake(backfill=None))
        before: bytes | None = None
        for snapshot in self.series:
            self.tally.snapshots += 1
            self._pass_time(snapshot.taken_at)
            if snapshot.body == before:
                continue
            before = snapshot.body
            self.world.answers(url, fetched(snapshot.body, url))
            await self._poll(snapshot)
        self.tally.distinct = len(self.keys)
        self.tally.published = len(self.shown)
        self.tally.most_edits = max(self.edits.values(), default=0)
        return self.tally

    def _pass_time(self, until: datetime) -> None:
        """At least a minute; histories of commits step back now and then."""
        step = max(until - self.world.clock.wall, timedelta(minutes=1))
        self.world.clock.pass_(seconds=step.total_seconds())

    async def _poll(self, snapshot: Snapshot) -> None:
        report = await self.world.poll("history")
        if report.outcome == "failed":
            self.tally.refused += 1
            self.tally.notes.append(f"{snapshot.name}: {report.error}")
            return
        self.tally.edits += report.entries_updated
        shown = await self.world.store.stories(ALL, limit=100_000)
        items = list(items_of(snapshot.body))
        self.keys |= {item.key for item in items}
        self._count_dates()
        self._compare(shown, snapshot)
        self._look_for_missing(items, shown, snapshot)
        self._look_for_doubles(items, shown, snapshot)
        self.shown = shown

    def _count_dates(self) -> None:
        feed, self.reader.last = self.reader.last, None
        for entry in feed.entries if feed else ():
            key, dates = _key(entry), (entry.published, entry.updated)
            self.tally.dates_moved += self.dates.get(key, dates) != dates
            self.dates[key] = dates

    def _compare(self, shown: Sequence[PublishedEntry], snapshot: Snapshot) -> None:
        now = {entry.id: entry for entry in shown}
        old = [entry.id for entry in self.shown]
        known = set(old)
        order = [entry.id for entry in shown if entry.id in known]
        lifted = _out_of_order([id for id in old if id in now], order)
        # What is older than all that was there is the source's past, and stands below.
        oldest = min((entry.published for entry in self.shown), default=None)
        news = sum(oldest is not None and entry.published >= oldest for entry in shown) - len(order)
        above = {entry.id for entry in shown[: max(news, 0)]}
        lifted |= above & known
        self.tally.lifted += len(lifted)
        self.tally.notes += [f"{snapshot.name}: lifted {id}" for id in lifted]
        for before in self.shown:
            after = now.get(before.id)
            if after is None:
                self.tally.missing += 1
                self.tally.notes.append(f"{snapshot.name}: vanished {before.guid}")
                continue
            self.tally.migrated += after.guid != before.guid
            self.tally.redated += after.published != before.published
            self.edits[after.id] += after.content != before.content
            said = before.content.title, before.content.text
            self.tally.significant += is_significant(*said, after.content)

    def _look_for_missing(
        self, items: Sequence[Item], shown: Sequence[PublishedEntry], snapshot: Snapshot
    ) -> None:
        guids = {entry.guid for entry in shown}
        both = {(entry.guid, _canonical(entry.content.link)) for entry in shown}
        links: dict[str, set[str]] = {}
        for item in items:
            links.setdefault(item.key, set()).add(_canonical(item.link))
        for item in items:
            there = item.key in guids
            if len(links[item.key]) > 1:
                there = (item.key, _canonical(item.link)) in both
            if not there and (item.key, item.link) not in self.past:
                self.past.add((item.key, item.link))
                self.tally.missing += 1
                self.tally.notes.append(f"{snapshot.name}: missing {item}")

    def _look_for_doubles(
        self, items: Sequence[Item], shown: Sequence[PublishedEntry], snapshot: Snapshot
    ) -> None:
        """What a document lists twice, with two guids, is the source's own doing."""
        looks = Counter((_canonical(one.content.link), one.content.title) for one in shown)
        before = Counter((_canonical(one.content.link), one.content.title) for one in self.shown)
        own = Counter(
            (_canonical(link), " ".join(title.split()))
            for _, link, title in {(one.key, one.link, one.title) for one in items}
        )
        for look, count in looks.items():
            if count > max(1, before[look], own[look]):
                self.tally.twice += 1
                self.tally.notes.append(f"{snapshot.name}: {count} times {look}")


def _out_of_order(before: Sequence[str], after: Sequence[str]) -> set[str]:
    """Those that stand above one which they stood below."""
    place = {id: n for n, id in enumerate(before)}
    risen: set[str] = set()
    lowest = len(before)
    for id in reversed(after):
        if place[id] > lowest:
            risen.add(id)
        lowest = min(lowest, place[id])
    return risen


def _key(entry: ReadEntry) -> str:
    return entry.guid or entry.link_as_written or entry.content.title


def _canonical(link: str | None) -> str:
    return (canonical_link(link) if link else None) or link or ""


def items_of(body: bytes) -> Iterator[Item]:
    parser = etree.XMLParser(recover=True, resolve_entities=False, huge_tree=True)
    root = etree.fromstring(body, parser) if body.strip() else None
    if root is None:
        return
    for element in root.iter("{*}entry", "{*}item"):
        texts: dict[str, str] = {}
        for child in element:
            if isinstance(child.tag, str) and child.get("rel", "alternate") == "alternate":
                text = (child.text or child.get("href") or "").strip()
                texts.setdefault(etree.QName(child).localname, text)
        key = next((texts[tag] for tag in IDENTITY_TAGS if texts.get(tag)), "")
        yield Item(key, texts.get("link", ""), texts.get("title", ""))
