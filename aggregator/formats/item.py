"""An entry as all output formats take it: fit to be written, and with what they all demand."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from aggregator.core.dates import believable
from aggregator.core.model import (
    Category,
    Content,
    Enclosure,
    Origin,
    Person,
    PublishedEntry,
    PublishedSource,
)
from aggregator.core.shown import Shown
from aggregator.core.stories import is_absolute_iri, published_id
from aggregator.core.urls import host_of
from aggregator.formats.fitting import (
    fit_address,
    fit_language,
    fit_line,
    fit_media_type,
    fit_text,
    fit_url,
)

LONGEST_BEGINNING = 80
"""Characters of a heading that is made from the text."""

_EMAIL = re.compile(r"[\w.+'-]+@([A-Za-z0-9-]+\.)+[A-Za-z0-9][A-Za-z0-9-]*", re.ASCII)

_LONGEST_FILE = 2**53
"""Bytes: beyond, not even all readers of JSON know the number (RFC 8259 §6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What a writer writes. Times are in UTC; addresses are URIs."""

    id: str
    title: str
    """The entry's own; it may have none."""
    heading: str
    """The title, else the text's beginning: never blank (RFC 4287 §4.2.14 demands a title)."""
    link: str | None
    published: datetime
    updated: datetime
    authors: tuple[Person, ...]
    """Each with a name, and at least one: the source itself where nobody else is known."""
    language: str | None
    summary: str
    """The excerpt, in plain text; empty where only titles are republished."""
    html: str
    """Empty where the content is not republished."""
    categories: tuple[Category, ...]
    """Each name once."""
    contributors: tuple[Person, ...]
    comments: str | None
    enclosures: tuple[Enclosure, ...]
    """Each address once, and always with a type: some readers take an untyped file for HTML."""
    image: str | None
    source: PublishedSource
    """Where we have it from."""
    origin: Origin | None
    """Where that has it from: the feed to attribute it to. It has an id and a title."""
    also_in: tuple[PublishedSource, ...]


def item_of(shown: Shown) -> Item:
    """Raises ValueError for an entry that cannot be written: an unfit id, a naive date."""
    entry, content = shown.entry, shown.entry.content
    origin = _origin(content.origin)
    excerpt = fit_text(shown.excerpt)
    title = fit_line(content.title)
    return Item(
        id=fit_id(entry.id, entry.source.key),
        title=title,
        heading=title or _beginning(excerpt) or "Untitled",
        link=fit_address(content.link),
        published=_believable(entry.published, entry),
        updated=_believable(entry.updated, entry),
        authors=_authors(content, origin, entry.source),
        language=fit_language(content.language),
        summary=excerpt if shown.content != "title" and excerpt.strip() else "",
        html=fit_text(content.content_html) if shown.content == "full" else "",
        categories=_categories(content),
        contributors=named(content.contributors),
        comments=fit_address(content.comments),
        enclosures=_enclosures(content.enclosures),
        image=fit_address(content.image),
        source=entry.source,
        origin=origin,
        also_in=entry.also_in,
    )


def named(people: Iterable[Person]) -> tuple[Person, ...]:
    """The people, each under a name: Atom has no author without one (RFC 4287 §3.2.1)."""
    found = (_named(person) for person in people)
    return tuple(person for person in found if person.name)


def source_name(source: PublishedSource) -> str:
    """What the source is called; never blank."""
    return fit_line(source.name) or source.key


def fit_id(id: str, source_key: str) -> str:
    """The id as it is stored; an IRI that stands for it where it is none (RFC 4287 §4.2.6)."""
    return published_id(source_key, id)


def _believable(moment: datetime, entry: PublishedEntry) -> datetime:
    """Raises ValueError for a date without a time zone."""
    seen, changed = _in_utc(entry.first_seen), _in_utc(entry.changed_at)
    return believable(_in_utc(moment), first_seen=seen, changed_at=changed)


def _named(person: Person) -> Person:
    email = fit_line(person.email or "")
    return Person(
        name=fit_line(person.name or "") or email or fit_line(person.uri or ""),
        email=email if _EMAIL.fullmatch(email) else None,
        uri=fit_address(person.uri),
    )


def _authors(
    content: Content, origin: Origin | None, source: PublishedSource
) -> tuple[Person, ...]:
    if own := named(content.authors):
        return own
    if origin:
        return (Person(name=origin.title),)
    return named(source.info.authors) or (Person(name=source_name(source)),)


def _categories(content: Content) -> tuple[Category, ...]:
    known = {category.name: category for category in content.terms}
    found = (_category(known.get(name) or Category(term=name)) for name in content.categories)
    return tuple({one.name: one for one in found if one.term}.values())


def _category(category: Category) -> Category:
    return Category(
        term=fit_line(category.term),
        scheme=_iri(category.scheme),
        label=fit_line(category.label or "") or None,
    )


def _iri(text: str | None) -> str | None:
    """The text as a URI, where it is absolute."""
    fit = fit_url(text or "")
    return fit if is_absolute_iri(fit) else None


def _origin(origin: Origin | None) -> Origin | None:
    """With an id and a title, which atom:source needs; None where they are not to be had."""
    if origin is None:
        return None
    link, url = fit_address(origin.link), fit_address(origin.url)
    own = fit_text(origin.id or "")
    id = own if own == origin.id and is_absolute_iri(own) else url or link
    if id is None:
        return None
    title = fit_line(origin.title) or host_of(link or url or "") or id
    return Origin(id=id, title=title, link=link, url=url, rights=fit_line(origin.rights))


def _enclosures(enclosures: Iterable[Enclosure]) -> tuple[Enclosure, ...]:
    by_url = {
        url: Enclosure(
            url=url,
            type=fit_media_type(enclosure.type, url) or "application/octet-stream",
            length=_count(enclosure.length),
            duration=_count(enclosure.duration),
        )
        for enclosure in enclosures
        if (url := fit_address(enclosure.url))
    }
    return tuple(by_url.values())


def _count(number: int | None) -> int | None:
    return number if number and 0 < number < _LONGEST_FILE else None


def _beginning(text: str) -> str:
    line = fit_line(text)
    if len(line) <= LONGEST_BEGINNING:
        return line
    # Whole words, where the script has them.
    cut = line[:LONGEST_BEGINNING]
    return cut.rpartition(" ")[0].rstrip() + "..." if " " in cut else cut + "..."


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first and the last hours of the calendar
        return moment.replace(tzinfo=UTC)
