"""Stored data as nobody would wish it: what the writers have to make valid documents of."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from aggregator.core.model import (
    Category,
    Content,
    Enclosure,
    FeedInfo,
    Origin,
    Person,
    PublishedEntry,
    PublishedSource,
)
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from tests.builders import NOON

TEXTS = (
    "",
    " \t\n ",
    "Plain",
    "R&D: 1 < 2 > 0",
    "</b><script>alert(1)</script>",
    "&lt;b&gt; &amp;amp; &#60; &copy; &nosuch;",
    "]]> <![CDATA[x]]> <!-- -- --> <?php ?>",
    "\x00\x01\x0b\x1f\x7f\x85\x9f\ufffd\ufffe\uffff",
    "\ud800 lone \udfff surrogates",
    "astral 🚀👩‍👩‍👧 𝔘𐍈\U0010ffff",
    "bidi \u202eevil\u202c \u2066x\u2069 עברית العربية",
    "line\u2028separators\u2029 and\rreturns",
    "e\u0301 " * 50,
    "x" * 5000,
)

ADDRESSES = (
    None,
    "",
    "https://a.example/1",
    "https://a.example/1",
    "HTTPS://A.EXAMPLE/Upper",
    "https://a.example/a b?c[]=1&d=%zz#f#g",
    "https://a.example/日本/é?q=\"<|>'`{}\\^",
    "https://bücher.example/ä",
    "https://[2001:db8::1]:8080/x[y]",
    "https://[/",
    "https://a.example:99999999/",
    "http://",
    "/relative",
    "//a.example/scheme",
    "javascript:alert(1)",
    "mailto:a@a.example",
    "data:text/html,x",
    "https://a.example/\x00\ud800\ufffd",
    "https://a.example/" + "long" * 900,
)

IDS = (
    "https://a.example/1",
    "https://a.example/2",
    "12345",
    "",
    "a b",
    "https://a.example/日本",
    "https://a.example/a[0]",
    "https://a.example/%zz",
    "tag:a.example,2026:1",
    "tag:A.Example,26:1",
    "tag:nothing",
    "urn:uuid:00000000-0000-4000-8000-000000000001",
    "urn:uuid:nothing",
    "urn:isbn:0451450523",
    "urn:",
    "javascript:alert(1)",
    "\x00",
    "\ud800",
    "https://a.example/" + "x" * 5000,
)

DATES = (
    datetime.min.replace(tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1989, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2020, 2, 29, 23, 59, 60 - 1, 123456, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    NOON,
    NOON + timedelta(days=2),
)

LANGUAGES = (None, "", "de", "en", "en_US", "zh-Hant-TW", "zz", "klingon", "x-y", "\ud800", "gsw")

TYPES = (None, "", "audio/mpeg", "audio/mpeg; charset=x", "nonsense", "a/b/c", "\x00/\ud800")

NUMBERS = (None, -1, 0, 1, 2**31, 2**63, 10**40)


class Nasty:
    """Equal seeds make equal data."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_of(self, values: Sequence[Any]) -> Any:
        return self.random.choice(values)

    def text(self) -> str:
        return "".join(self.one_of(TEXTS) for _ in range(self.one_of((1, 1, 2))))

    def some(self, make: Callable[[], Any], most: int = 3) -> tuple[Any, ...]:
        return tuple(make() for _ in range(self.random.randint(0, most)))

    def person(self) -> Person:
        return Person(
            name=self.one_of((None, *TEXTS)),
            email=self.one_of((None, "a@a.example", "a@b", "ask me", "ü@ä.example", *TEXTS)),
            uri=self.one_of(ADDRESSES),
        )

    def enclosure(self) -> Enclosure:
        return Enclosure(
            url=self.one_of(ADDRESSES) or "",
            type=self.one_of(TYPES),
            length=self.one_of(NUMBERS),
            duration=self.one_of(NUMBERS),
        )

    def origin(self) -> Origin | None:
        if self.random.random() < 0.5:
            return None
        return Origin(
            title=self.text(),
            id=self.one_of((None, *IDS)),
            link=self.one_of(ADDRESSES),
            url=self.one_of(ADDRESSES),
            rights=self.text(),
        )

    def info(self) -> FeedInfo:
        return FeedInfo(
            title=self.text(),
            link=self.one_of(ADDRESSES),
            id=self.one_of((None, *IDS)),
            updated=self.one_of((None, *DATES)),
            language=self.one_of(LANGUAGES),
            icon=self.one_of(ADDRESSES),
            rights=self.text(),
            authors=self.some(self.person),
        )

    def source(self, key: str = "key") -> PublishedSource:
        return PublishedSource(
            key=key, name=self.text(), url="https://s.example/feed?a=1&b=ü", info=self.info()
        )

    def content(self) -> Content:
        names = self.some(self.text)
        return Content(
            title=self.text(),
            link=self.one_of(ADDRESSES),
            authors=self.some(self.person) * self.one_of((1, 1, 1, 1, 300)),
            language=self.one_of(LANGUAGES),
            content_html=self.one_of(("", "<p>Text &amp; <b>more</b></p>\x00\ud800\x85")),
            categories=names,
            terms=tuple(
                Category(term=name, scheme=self.one_of(ADDRESSES), label=self.one_of((None, "L")))
                for name in names
            ),
            enclosures=self.some(self.enclosure, 5),
            image=self.one_of(ADDRESSES),
            contributors=self.some(self.person),
            comments=self.one_of(ADDRESSES),
            origin=self.origin(),
        )

    def shown(self) -> Shown:
        entry = PublishedEntry(
            id=self.one_of(IDS),
            guid=self.one_of(IDS),
            source=self.source(),
            also_in=tuple(self.source(f"key-{n}") for n in range(self.random.randint(0, 2))),
            published=self.one_of(DATES),
            updated=self.one_of(DATES),
            first_seen=NOON - timedelta(days=1),
            changed_at=NOON,
            content=self.content(),
        )
        mode = self.one_of(("full", "full", "summary", "title"))
        return Shown(entry=entry, excerpt=self.text(), content=mode)

    def channel(self) -> Channel:
        return Channel(
            title=self.text(),
            id="https://p.example/",
            self_url="https://p.example/feed",
            page_url="https://p.example/",
            updated=NOON,
            subtitle=self.text(),
            language=self.one_of(LANGUAGES),
            author=self.text(),
            icon=self.one_of(ADDRESSES),
        )

    def document(self) -> tuple[Channel, list[Shown]]:
        return self.channel(), [self.shown() for _ in range(self.random.randint(0, 12))]
