"""Feeds as blogs serve them, made up: the same bytes for the same source, version and size.

A document shows the newest `size` entries; each version has one new entry at the top, and one
fewer at the bottom. With 20 entries it has some 61 KB, 12 KB of them in gzip.
"""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from html import escape

APART = timedelta(hours=7)
"""Between two entries of a source."""

_SYLLABLES = [
    onset + vowel + coda
    for onset in ("b", "d", "f", "gr", "k", "l", "m", "n", "pr", "r", "s", "st", "t", "v", "w")
    for vowel in "aeiou"
    for coda in ("", "n", "r", "s")
]
_chance = random.Random(6)
WORDS = tuple(
    "".join(_chance.choices(_SYLLABLES, k=_chance.choice((1, 2, 2, 3)))) for _ in range(180)
)
SENTENCES = tuple(
    " ".join(_chance.choices(WORDS, k=_chance.randint(8, 16))).capitalize() + "."
    for _ in range(4000)
)


@dataclass(frozen=True, slots=True)
class Packed:
    """A document as it is sent; `size` is what it has without gzip."""

    body: bytes
    etag: str
    size: int


@dataclass(frozen=True)
class Entry:
    """The `number`th entry that a source ever published."""

    source: int
    number: int
    first: datetime

    @property
    def published(self) -> datetime:
        return self.first + self.number * APART

    @property
    def site(self) -> str:
        return f"https://site-{self.source}.example"

    @cached_property
    def title(self) -> str:
        words = random.Random(self.source * 1_000_003 + self.number).choices(WORDS, k=6)
        return f"{' '.join(words).capitalize()} & no. {self.number} of {self.source}"

    @property
    def link(self) -> str:
        return (
            f"{self.site}/{self.published:%Y/%m}/{self.title.split(' ')[0].lower()}-{self.number}/"
        )

    @property
    def guid(self) -> str:
        return f"{self.site}/?p={1000 + self.number}"

    @cached_property
    def texts(self) -> tuple[str, str]:
        """An excerpt, and the whole as HTML."""
        chance = random.Random(self.source * 7_368_787 + self.number)
        told = [" ".join(chance.choices(SENTENCES, k=4)) for _ in range(5)]
        picture = f"{self.site}/wp-content/uploads/{self.number}/picture-1024x683.jpg"
        whole = (
            f'<p class="has-text-align-left">{told[0]} '
            f'<a href="{self.link}#more">{WORDS[3]}</a></p>\n'
            f'<figure class="wp-block-image size-large"><img loading="lazy" decoding="async" '
            f'width="1024" height="683" src="{picture}" alt="{WORDS[5]} {WORDS[7]}" '
            f'class="wp-image-{self.number}" /><figcaption>{WORDS[9]}</figcaption></figure>\n'
            f"<p>{told[1]}</p>\n<h2>{WORDS[chance.randrange(len(WORDS))].title()}</h2>\n"
            f'<ul class="wp-block-list"><li>{told[2]}</li><li><em>{WORDS[11]}</em></li></ul>\n'
            f"<p>{told[3]} <strong>{WORDS[13]}</strong></p>\n"
            f"<blockquote><p>{told[4]}</p></blockquote>\n"
        )
        return f"{told[0][:180]} […]", whole


def first_published(now: datetime, *, size: int) -> datetime:
    """So that what the first versions show lies in the past, and within what is kept."""
    return (now - (size + 40) * APART).astimezone(UTC).replace(microsecond=0)


@lru_cache(maxsize=20_000)
def document(source: int, version: int, size: int, first: datetime) -> Packed:
    entries = [Entry(source, number, first) for number in range(version, version + size)]
    whole = "".join((_atom if source % 2 else _rss)(entries[::-1])).encode()
    packed = gzip.compress(whole, compresslevel=6, mtime=0)
    return Packed(packed, f'"{sha256(whole).hexdigest()[:20]}"', len(whole))


def content_type(source: int) -> str:
    return f"application/{'atom' if source % 2 else 'rss'}+xml; charset=UTF-8"


def _rss(entries: list[Entry]) -> Iterator[str]:
    newest = entries[0]
    yield f"""\
<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
\txmlns:content="http://purl.org/rss/1.0/modules/content/"
\txmlns:wfw="http://wellformedweb.org/CommentAPI/"
\txmlns:dc="http://purl.org/dc/elements/1.1/"
\txmlns:atom="http://www.w3.org/2005/Atom"
\txmlns:sy="http://purl.org/rss/1.0/modules/syndication/"
\txmlns:slash="http://purl.org/rss/1.0/modules/slash/"
>
<channel>
\t<title>Site no. {newest.source}</title>
\t<atom:link href="{newest.site}/feed/" rel="self" type="application/rss+xml" />
\t<link>{newest.site}</link>
\t<description>What {WORDS[newest.source % len(WORDS)]} is about</description>
\t<lastBuildDate>{format_datetime(newest.published)}</lastBuildDate>
\t<language>en-US</language>
\t<generator>https://wordpress.org/?v=6.7</generator>
"""
    for entry in entries:
        excerpt, whole = entry.texts
        yield f"""\
\t<item>
\t\t<title>{escape(entry.title)}</title>
\t\t<link>{entry.link}</link>
\t\t<comments>{entry.link}#respond</comments>
\t\t<dc:creator><![CDATA[{WORDS[entry.source % 40].title()}]]></dc:creator>
\t\t<pubDate>{format_datetime(entry.published)}</pubDate>
\t\t<category><![CDATA[{WORDS[entry.number % 50]}]]></category>
\t\t<category><![CDATA[{WORDS[entry.number % 70]}s]]></category>
\t\t<guid isPermaLink="false">{entry.guid}</guid>
\t\t<description><![CDATA[<p>{excerpt}</p>]]></description>
\t\t<content:encoded><![CDATA[{whole}]]></content:encoded>
\t\t<wfw:commentRss>{entry.link}feed/</wfw:commentRss>
\t\t<slash:comments>0</slash:comments>
\t</item>
"""
    yield "</channel>\n</rss>\n"


def _atom(entries: list[Entry]) -> Iterator[str]:
    newest = entries[0]
    yield f"""\
<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
  <title>Site no. {newest.source}</title>
  <link href="{newest.site}/atom.xml" rel="self"/>
  <link href="{newest.site}/"/>
  <updated>{newest.published:%Y-%m-%dT%H:%M:%SZ}</updated>
  <id>{newest.site}/</id>
  <author><name>{WORDS[newest.source % 40].title()}</name></author>
"""
    for entry in entries:
        excerpt, whole = entry.texts
        stamp = f"{entry.published:%Y-%m-%dT%H:%M:%SZ}"
        yield f"""\
  <entry>
    <title type="html">{escape(escape(entry.title))}</title>
    <link href="{entry.link}" rel="alternate" type="text/html"/>
    <published>{stamp}</published>
    <updated>{stamp}</updated>
    <id>{entry.guid}</id>
    <category term="{WORDS[entry.number % 50]}"/>
    <summary type="html">{escape(escape(excerpt, quote=False), quote=False)}</summary>
    <content type="html" xml:base="{entry.link}">{escape(whole, quote=False)}</content>
  </entry>
"""
    yield "</feed>\n"
