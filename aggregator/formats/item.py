"""An entry as all output formats take it: fit to be written, and with what they all demand."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from aggregator.core.model import (
    Category,
    Content,
    Enclosure,
    Origin,
    Person,
    PublishedSource,
)
from aggregator.core.shown import Shown
from aggregator.core.stories import is_absolute_iri
from aggregator.core.urls import host_of
from aggregator.formats.fitting import (
    fit_language,
    fit_line,
    fit_media_type,
    fit_text,
    fit_url,
)

LONGEST_BEGINNING = 80
"""Characters of a heading that is made from the text."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


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
        id=_unchanged(entry.id),
        title=title,
        heading=title or _beginning(excerpt) or "Untitled",
        link=fit_url(content.link) if content.link else None,
        published=_in_utc(entry.published),
        updated=_in_utc(entry.updated),
        authors=_authors(content, origin, entry.source),
        language=fit_language(content.language),
        summary=excerpt if shown.content != "title" and excerpt.strip() else "",
        html=fit_text(content.content_html) if shown.content == "full" else "",
        categories=_categories(content),
        contributors=named(content.contributors),
        comments=fit_url(content.comments) if content.comments else None,
        enclosures=_enclosures(content.enclosures),
        image=fit_url(content.image) if content.image else None,
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


def _unchanged(id: str) -> str:
    if id != fit_text(id):
        raise ValueError(f"{id!r} holds characters that no document may hold")
    return id


def _named(person: Person) -> Person:
    email = fit_line(person.email or "")
    return Person(
        name=fit_line(person.name or "") or email or fit_line(person.uri or ""),
        email=email if _EMAIL.fullmatch(email) else None,
        uri=fit_url(person.uri) if person.uri else None,
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
        scheme=fit_url(category.scheme) if category.scheme else None,
        label=fit_line(category.label or "") or None,
    )


def _origin(origin: Origin | None) -> Origin | None:
    """With an id and a title, which atom:source needs; None where they are not to be had."""
    if origin is None:
        return None
    link, url = (fit_url(one) if one else None for one in (origin.link, origin.url))
    own = fit_text(origin.id or "")
    id = own if own == origin.id and is_absolute_iri(own) else url or link
    if id is None:
        return None
    title = fit_line(origin.title) or host_of(link or url or "") or id
    return Origin(id=id, title=title, link=link, url=url, rights=fit_line(origin.rights))


def _enclosures(enclosures: Iterable[Enclosure]) -> tuple[Enclosure, ...]:
    by_url = {
        enclosure.url: Enclosure(
            url=fit_url(enclosure.url),
            type=fit_media_type(enclosure.type, enclosure.url) or "application/octet-stream",
            length=enclosure.length if enclosure.length and enclosure.length > 0 else None,
            duration=enclosure.duration if enclosure.duration and enclosure.duration > 0 else None,
        )
        for enclosure in enclosures
    }
    return tuple(by_url.values())


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
    return moment.astimezone(UTC)
