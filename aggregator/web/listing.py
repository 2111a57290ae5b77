"""An entry as pages list it: everything that a template needs of it, ready to be shown."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from aggregator.core.model import Enclosure, Origin, Person, PublishedSource
from aggregator.core.shown import Shown
from aggregator.core.urls import web_url
from aggregator.formats.item import Item, item_of, source_name

Direction = Literal["ltr", "rtl", "auto"]
Kind = Literal["words", "formula", "code"]

_LONGEST_BORROWED_TITLE = 80
"""Characters of the excerpt that stand in for a missing title."""

_MOST_CATEGORIES = 5

_EDITED_LATER = timedelta(days=1)
"""A change within a day of publication is not worth a word on the page."""

_KINDS = {"audio": "Audio", "video": "Video", "image": "Picture"}

# What TeX calls a formula: \(…\), \[…\], $$…$$, an environment, and $…$ where the dollars hug the
# text and no digit follows, so that prices are none.
_FORMULA = (
    r"\\\(.+?\\\)"
    r"|\\\[.+?\\\]"
    r"|\$\$.+?\$\$"
    r"|\\begin\{(?P<name>[a-z]+\*?)\}.+?\\end\{(?P=name)\}"
    r"|\$(?![\s$])[^$]*?[^\s$\\]\$(?!\d)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Whose feed an entry is from. `path` is below the site, `url` elsewhere; one may be there."""

    name: str
    path: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that goes with an entry. `length` in bytes, `duration` in seconds."""

    url: str
    type: str
    kind: str
    """What it is, for people: Audio, Video, Picture, File."""
    length: int | None
    duration: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry on a page. All addresses are http(s)."""

    id: str
    """The id that we publish."""
    title: str
    """Never empty; borrowed from the text where the entry has none."""
    link: str | None
    """The original."""
    published: datetime
    updated: datetime
    edited: bool
    """Whether the entry was changed so long after it was published that people should know."""
    language: str | None
    direction: Direction
    """Of its text; "auto" where no letter says it."""
    summary: str
    """The excerpt; empty where the source shows only titles, or the title says the same."""
    image: str | None
    source: Attribution
    """Whose it is: of an entry that a planet carries, the feed that it is from."""
    via: Attribution | None
    """The source that we have it from, where that is another."""
    authors: tuple[Person, ...]
    """Those who are not called like the source."""
    also_in: tuple[Attribution, ...]
    """Other sources with the same story."""
    categories: tuple[str, ...]
    """The first few."""
    files: tuple[File, ...]
    comments: str | None
    """The page where people discuss it."""


def listed(entries: Sequence[Shown]) -> list[Listed]:
    """The entries in their order; one that no format can write is left out here, too."""
    return list(_each(entries))


def _each(entries: Sequence[Shown]) -> Iterator[Listed]:
    for shown in entries:
        try:
            item = item_of(shown)
        except ValueError:
            continue
        yield _listed(item)


def _listed(item: Item) -> Listed:
    title = headline(item.title, item.summary)
    ours = _ours(item.source)
    source = _original(item.origin) if item.origin else ours
    return Listed(
        id=item.id,
        title=title,
        link=web_url(item.link),
        published=item.published,
        updated=item.updated,
        edited=item.updated - item.published >= _EDITED_LATER,
        language=item.language,
        direction=direction(title),
        summary="" if item.summary == title else item.summary,
        image=web_url(item.image),
        source=source,
        via=ours if item.origin else None,
        authors=_others(item.authors, source.name),
        also_in=tuple(map(_ours, item.also_in)),
        categories=tuple(each.name for each in item.categories[:_MOST_CATEGORIES]),
        files=tuple(_file(each) for each in item.enclosures if _is_more(each, item.image)),
        comments=web_url(item.comments),
    )


def _ours(source: PublishedSource) -> Attribution:
    return Attribution(name=source_name(source), path=f"sources/{source.key}")


def _original(origin: Origin) -> Attribution:
    return Attribution(name=origin.title, url=web_url(origin.link) or web_url(origin.url))


def _others(people: Sequence[Person], name: str) -> tuple[Person, ...]:
    return tuple(
        Person(name=person.name, uri=web_url(person.uri))
        for person in people
        if (person.name or "").casefold() != name.casefold()
    )


def _is_more(enclosure: Enclosure, image: str | None) -> bool:
    return web_url(enclosure.url) is not None and enclosure.url != image


def _file(enclosure: Enclosure) -> File:
    type = enclosure.type or ""
    return File(
        url=enclosure.url,
        type=type,
        kind=_KINDS.get(type.partition("/")[0], "File"),
        length=enclosure.length,
        duration=enclosure.duration,
    )


def headline(title: str, excerpt: str) -> str:
    """The title; without one, how the text begins."""
    if title:
        return title
    if len(excerpt) <= _LONGEST_BORROWED_TITLE:
        return excerpt or "Untitled"
    whole_words = re.sub(r"\s\S*$", "", excerpt[: _LONGEST_BORROWED_TITLE + 1])
    return whole_words[:_LONGEST_BORROWED_TITLE].rstrip() + "…"


def direction(text: str) -> Direction:
    """Where lines of the text begin: as its first letter says (UAX #9, P2)."""
    for character in text:
        match unicodedata.bidirectional(character):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
            case _:
                continue
    return "auto"


def pieces(text: str, placeholders: Sequence[tuple[str, str]] = ()) -> Iterator[tuple[Kind, str]]:
    """The text in pieces, each with what it is; together they are the text.

    `placeholders` are the site's: languages, and what stands for a block of code.
    """
    end = 0
    for found in _special(tuple(shown for _, shown in placeholders if shown)).finditer(text):
        if found.start() > end:
            yield "words", text[end : found.start()]
        yield "code" if found["code"] else "formula", found[0]
        end = found.end()
    if end < len(text):
        yield "words", text[end:]


@lru_cache(maxsize=8)
def _special(placeholders: tuple[str, ...]) -> re.Pattern[str]:
    code = "|".join(map(re.escape, placeholders)) or r"(?!)"
    return re.compile(f"(?P<code>{code})|{_FORMULA}")
