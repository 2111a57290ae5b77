"""Channels and entries to be written, and bytes read back as another program would."""

import io
from dataclasses import replace
from typing import Any

import feedparser

from aggregator.core.model import (
    Category,
    Content,
    Enclosure,
    FeedInfo,
    Origin,
    Person,
    PublishedSource,
)
from aggregator.core.publication import Channel
from aggregator.core.shown import ContentMode, Shown
from tests.builders import NOON, ago, published

CHANNEL = Channel(
    title="Latest & greatest <updates>",
    id="https://p.example/",
    self_url="https://p.example/feed.atom",
    page_url="https://p.example/",
    updated=NOON,
    subtitle="What is new",
    language="en",
    author="The editors",
    icon="https://p.example/icon.png",
)

SOURCE = PublishedSource(
    key="blog",
    name="A & B's blog",
    url="https://a.example/feed?x=1&y=2",
    info=FeedInfo(
        title="Blog",
        link="https://a.example/",
        id="tag:a.example,2020:blog",
        updated=ago(days=1),
        rights="All rights reserved",
        icon="https://a.example/icon.png",
        authors=(Person(name="Ada"),),
    ),
)

OTHER = PublishedSource(
    key="planet",
    name="Planet",
    url="https://planet.example/feed",
    info=FeedInfo(link="https://planet.example/"),
)

NASTY = "]]> & <b> &amp; \"quoted\" 'so' 🚀👩‍👩‍👧 עברית العربية 中文，标点 e\u0301 \u2028 ends"


def channel(**changes: Any) -> Channel:
    return replace(CHANNEL, **changes)


def shown(
    name: str = "1",
    *,
    excerpt: str = "An excerpt",
    mode: ContentMode = "full",
    content: dict[str, Any] | None = None,
    **changes: Any,
) -> Shown:
    """A plain entry; `content` changes fields of its content, the rest those of the entry."""
    entry = published(name)
    entry = replace(entry, content=replace(entry.content, **(content or {})), **changes)
    return Shown(entry=entry, excerpt=excerpt, content=mode)


def rich(name: str = "1") -> Shown:
    """An entry with everything that one can have."""
    entry = published(name, also_in=(OTHER,), published=ago(days=2), updated=ago(hours=3))
    content = Content(
        title=f"Title {name}: R&D, 1 < 2",
        link=f"https://a.example/{name}",
        authors=(Person(name="Grace", uri="https://a.example/grace"), Person(name="Joan")),
        language="de",
        summary="Its own summary",
        content_html='<p>Hello <a href="https://a.example/x">x &amp; y</a></p>',
        text="Hello x & y",
        categories=("python", "R&D"),
        enclosures=(
            Enclosure(url="https://a.example/1.mp3", type="audio/mpeg", length=123, duration=3723),
            Enclosure(url="https://a.example/1.pdf"),
            Enclosure(url="https://a.example/raw", length=7),
        ),
        image="https://a.example/1.png",
        contributors=(Person(name="Barbara", uri="https://a.example/barbara"),),
        terms=(Category(term="r-and-d", scheme="https://a.example/topics", label="R&D"),),
        comments="https://a.example/1#comments",
    )
    return Shown(entry=replace(entry, source=SOURCE, content=content), excerpt="Hello x & y")


ORIGIN = Origin(
    title="Of <B>",
    id="tag:b.example,2026:b",
    link="https://b.example/",
    url="https://b.example/feed?x=1&y=2",
    rights="Free",
)


def gathered(name: str = "1", origin: Origin = ORIGIN) -> Shown:
    """An entry of a planet, which has it from somewhere else."""
    shown = rich(name)
    content = replace(shown.entry.content, origin=origin, authors=())
    return replace(shown, entry=replace(shown.entry, source=OTHER, content=content))


def read(body: bytes) -> Any:
    """The document as feedparser sees it, which must find nothing wrong with its form."""
    found = feedparser.parse(io.BytesIO(body))

    assert not found.bozo, found.bozo_exception
    return found


def moments(entry: Any, *names: str) -> list[tuple[int, ...]]:
    """Dates as feedparser tells them, to the second."""
    return [tuple(entry[f"{name}_parsed"])[:6] for name in names]
