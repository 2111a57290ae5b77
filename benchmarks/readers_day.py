"""A day in the life of six sources, half an hour a step: what each of them serves.

The same day each time: chance is seeded.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape

STEPS = 48
STEP = timedelta(minutes=30)
DOCUMENT = 15
"""Items in a source's document."""

QUIET = 0.4
"""The share of steps in which nothing happens but new time stamps."""

_EVENTS = {
    "new": 6,
    "edit": 3,
    "retitle": 2,
    "burst": 1,
    "late": 1,
    "future": 1,
    "copied": 3,
    "broken": 1,
}
"""By how often they happen."""

WORDS = (
    "release notes of the parser, and why a date that nobody wrote is no date",
    "用 Python 解析订阅源:为什么条目会重复出现",
    "Euler: $e^{i\\pi} + 1 = 0$ & friends <em>explained</em>",
    "東京の天気とフィードリーダーの話",
    "`if a < b && c > d` in C, once more",
)


@dataclass(frozen=True)
class Item:
    guid: str
    link: str
    title: str
    text: str
    at: datetime


@dataclass
class Feed:
    """One source: its items, the newest first, and what it stamps its document with."""

    key: str
    items: list[Item] = field(default_factory=list)
    count: int = 0
    broken: bool = False

    def document(self, now: datetime) -> bytes:
        items = "".join(map(_item, self.items[:DOCUMENT]))
        return (
            '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
            f"<title>{self.key} &amp; friends</title><link>https://{self.key}.example/</link>"
            f"<description>-</description><lastBuildDate>{format_datetime(now)}</lastBuildDate>"
            f"{items}</channel></rss>"
        ).encode()


def _item(item: Item) -> str:
    body = f"<p>{escape(item.text)}</p><pre><code>a &lt; b</code></pre>"
    return (
        f'<item><guid isPermaLink="false">{item.guid}</guid><link>{item.link}</link>'
        f"<title>{escape(item.title)}</title><description>{escape(body)}</description>"
        f"<pubDate>{format_datetime(item.at)}</pubDate></item>"
    )


class Day:
    """Steps through the day; `events` counts what happened."""

    def __init__(self, end: datetime) -> None:
        self.now = end - STEPS * STEP
        self.feeds = {key: Feed(key) for key in ("one", "two", "three", "four", "five", "planet")}
        self.events: Counter[str] = Counter()
        self._chance = random.Random(20)
        for feed in list(self.feeds.values())[:5]:
            for days in range(8, 0, -1):
                self._write(feed, at=self.now - timedelta(days=days))

    def steps(self) -> Iterator[datetime]:
        for _ in range(STEPS):
            self.now += STEP
            for feed in self.feeds.values():
                feed.broken = False
            if self._chance.random() >= QUIET:
                for _ in range(self._chance.randint(1, 3)):
                    self._happen()
            yield self.now

    def _happen(self) -> None:
        feed = self._chance.choice(list(self.feeds.values())[:5])
        (event,) = self._chance.choices(list(_EVENTS), list(_EVENTS.values()))
        self.events[event] += 1
        happen: Callable[[Feed], None] = getattr(self, f"_{event}")
        happen(feed)

    def _new(self, feed: Feed) -> None:
        self._write(feed, at=self.now - timedelta(minutes=self._chance.randint(1, 25)))

    def _edit(self, feed: Feed) -> None:
        feed.items[0] = replace(feed.items[0], text=f"{feed.items[0].text} (corrected)")

    def _retitle(self, feed: Feed) -> None:
        feed.items[1] = replace(feed.items[1], title=f"{feed.items[1].title} (update)")

    def _burst(self, feed: Feed) -> None:
        for minutes in range(12, 0, -1):
            self._write(feed, at=self.now - timedelta(minutes=minutes))

    def _late(self, feed: Feed) -> None:
        self._write(feed, at=self.now - timedelta(days=3))

    def _future(self, feed: Feed) -> None:
        self._write(feed, at=self.now + timedelta(days=2))

    def _copied(self, feed: Feed) -> None:
        """The planet carries it, too, under a guid of its own."""
        copy = replace(feed.items[0], guid=f"planet-{feed.items[0].guid}")
        planet = self.feeds["planet"]
        if all(item.guid != copy.guid for item in planet.items):
            planet.items.insert(0, copy)

    def _broken(self, feed: Feed) -> None:
        feed.broken = True

    def _write(self, feed: Feed, *, at: datetime) -> None:
        feed.count += 1
        number = feed.count
        words = self._chance.choice(WORDS)
        feed.items.insert(
            0,
            Item(
                guid=f"{feed.key}-{number}",
                link=f"https://{feed.key}.example/posts/{number}",
                title=f"{feed.key} no. {number}: {words}",
                text=f"{words}. Number {number} of {feed.key}, {words[::-1]}",
                at=at.astimezone(UTC).replace(microsecond=0),
            ),
        )
