"""Publications as Atom (RFC 4287).

feedgen 1.0.0 drops the attributes of an entry's links (lkiesow/python-feedgen#135), knows of
`source` but title and link, and has no xml:lang for entries: we finish each of its elements.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from html import escape
from html.entities import name2codepoint

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from aggregator import __version__
from aggregator.core.dates import OLDEST_DATE, attributed_at
from aggregator.core.joined import Joined, Piece, Run
from aggregator.core.model import Origin, Person, PublishedSource, Takedown
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from aggregator.core.stories import is_absolute_iri
from aggregator.formats.entry_json import rfc3339
from aggregator.formats.fitting import fit_address, fit_language, fit_line, fit_url
from aggregator.formats.item import Item, named, source_name
from aggregator.formats.writing.elements import (
    XML_LANG,
    Element,
    as_pieces,
    category_facts,
    child,
    cut,
    framed,
    is_other_language,
    to_be_cut,
)
from aggregator.formats.writing.history import AtomHistory
from aggregator.formats.writing.media import MediaNamespace, add_media
from aggregator.formats.written import build_each

_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"


_END = b"</feed>"


def compose_atom(channel: Channel, runs: Sequence[Run]) -> Joined:
    """A document with these entries."""
    return Joined(framed(_feed(channel).atom_str(), _END), runs)


def atom_pieces(entries: Sequence[Shown], language: str | None) -> list[Piece | None]:
    """The entries, as they stand in documents in this language."""
    built = build_each(entries, partial(_entry, language))
    feed = FeedGenerator()
    feed.id("-")
    feed.title("-")
    feed.updated(OLDEST_DATE)
    feed.register_extension("media", MediaNamespace, rss=False)
    feed.entry(to_be_cut(each[1] for each in built if each))
    return as_pieces(built, cut(feed.atom_str(), _END))


def _feed(channel: Channel) -> FeedGenerator:
    title = fit_line(channel.title) or channel.page_url
    feed = FeedGenerator()
    feed.id(channel.id)
    feed.title(title)
    feed.updated(channel.updated)
    # Always: an entry may lack an author only where its feed has one (RFC 4287 §4.1.1).
    feed.author({"name": fit_line(channel.author) or title})
    feed.link(href=channel.self_url, rel="self", type="application/atom+xml")
    feed.link(href=channel.page_url, rel="alternate", type="text/html")
    if hub := fit_address(channel.hub):
        feed.link(href=hub, rel="hub")
    feed.generator("aggregator", version=__version__, uri=channel.page_url)
    feed.subtitle(fit_line(channel.subtitle) or None)
    feed.icon(fit_address(channel.icon))
    feed.language(fit_language(channel.language))
    feed.register_extension("media", MediaNamespace, rss=False)
    feed.register_extension("texts", _Texts, rss=False)
    if channel.deleted:
        feed.register_extension("tombstones", partial(_Tombstones, channel.deleted), rss=False)
    feed.register_extension("history", partial(AtomHistory, channel.links), rss=False)
    return feed


@dataclass(frozen=True, slots=True)
class _Texts:
    """Has the feed's own texts say what they are."""

    def extend_ns(self) -> dict[str, str]:
        return {}

    def extend_atom(self, feed: Element) -> None:
        """Changes attributes only."""
        for tag in ("title", "subtitle"):
            for element in feed.findall(tag):
                _say(element)


@dataclass(frozen=True, slots=True)
class _Tombstones:
    """RFC 6721: what readers shall forget. Elsewhere than here nobody knows the namespace."""

    deleted: Sequence[Takedown]

    def extend_ns(self) -> dict[str, str]:
        return {"at": _TOMBSTONES}

    def extend_atom(self, feed: Element) -> None:
        """An `at:deleted-entry` each; a pair of id and time stands once (§3)."""
        for each in self.deleted:
            child(feed, f"{{{_TOMBSTONES}}}deleted-entry", ref=each.id, when=rfc3339(each.taken_at))


def _entry(language: str | None, item: Item) -> Element:
    entry = FeedEntry()
    entry.id(item.id)
    entry.title(item.heading)
    entry.updated(item.updated)
    entry.published(item.published)
    entry.author([_person(author) for author in item.authors])
    entry.contributor([_person(contributor) for contributor in item.contributors])
    entry.category([category_facts(category) for category in item.categories])
    entry.link(_links(item))
    summary = item.summary
    if item.html:
        entry.content(item.html, type="html")
    elif item.link:
        summary = summary or item.heading  # an entry is some text (RFC 4287 §4.2.13)
    else:  # RFC 4287 §4.1.2 demands a link or content
        entry.content(summary or item.heading, type="text")
    entry.summary(summary or None, type="text")
    return _finished(entry, item, language)


def _person(person: Person) -> dict[str, str]:
    facts = {"name": person.name, "email": person.email, "uri": person.uri}
    return {name: fact for name, fact in facts.items() if fact}


def _links(item: Item) -> list[dict[str, str]]:
    links = [{"rel": "alternate", "href": item.link}] if item.link else []
    for enclosure in item.enclosures:
        link = {"rel": "enclosure", "href": enclosure.url, "type": str(enclosure.type)}
        if enclosure.length:
            link["length"] = str(enclosure.length)
        links.append(link)
    if item.origin:
        links.append(_link_to(item.source, "via"))
    return links + [_link_to(source, "related") for source in item.also_in]


def _link_to(source: PublishedSource, rel: str) -> dict[str, str]:
    href = fit_address(source.info.link) or fit_url(source.url)
    return {"rel": rel, "href": href, "title": source_name(source)}


def _finished(entry: FeedEntry, item: Item, language: str | None) -> Element:
    element = entry.atom_entry()
    for tag in ("title", "summary", "content"):
        for text in element.findall(tag):
            _say(text)
    for link, attributes in zip(element.findall("link"), entry.link() or (), strict=True):
        link.attrib.update(attributes)
    if item.comments:  # RFC 4685 §4; feedgen knows of no such relation
        child(element, "link", rel="replies", href=item.comments, type="text/html")
    if item.origin:
        element.append(_origin(item.origin, updated=item.updated))
    else:
        element.append(_source(item.source, as_of=item.updated))
    add_media(element, item, [file for file in item.enclosures if file.duration])
    if is_other_language(item, language):
        element.set(XML_LANG, item.language)
    return element


_END_TAG = re.compile(r"</\w+>")
_REFERENCE = re.compile(r"&(#?\w+)")
_ENTITIES = frozenset({"apos", *name2codepoint})


def _looks_like_html(plain: str) -> bool:
    """As feed validators see it, who find no fault with "R&D" or "1 < 2"."""
    names = _REFERENCE.findall(plain)
    return bool(_END_TAG.search(plain)) or any(
        name in _ENTITIES or not name.isalpha() for name in names
    )


def _say(element: Element) -> None:
    """Has an element of plain text hold it so that nobody takes it for HTML that nobody declared:
    where it speaks of tags or entities, it is declared to be HTML, and escaped.
    """
    plain = element.text or ""
    if element.get("type", "text") == "text" and _looks_like_html(plain):
        element.set("type", "html")
        element.text = escape(plain, quote=False)


def _origin(origin: Origin, *, updated: datetime) -> Element:
    """The feed that the entry was from before it came to its source: the one to attribute it to."""
    element = etree.Element("source")
    child(element, "id", origin.id)
    _say(child(element, "title", origin.title))
    child(element, "updated", rfc3339(updated))
    if origin.url:
        child(element, "link", rel="self", href=origin.url)
    if origin.link:
        child(element, "link", rel="alternate", href=origin.link)
    if origin.rights:
        _say(child(element, "rights", origin.rights))
    return element


def _source(source: PublishedSource, *, as_of: datetime) -> Element:
    """The feed that the entry is from, as of the entry's own time (RFC 4287 §4.2.11).

    Many sources stamp every answer with the time, and some with the future, and neither may change
    our bytes where nothing else does; nor may what a source published after the entry.
    """
    info = source.info
    updated = attributed_at(_aware(info.updated), as_of)
    element = etree.Element("source")
    child(element, "id", _source_id(source))
    _say(child(element, "title", source_name(source)))
    child(element, "updated", rfc3339(updated))
    child(element, "link", rel="self", href=fit_url(source.url))
    if link := fit_address(info.link):
        child(element, "link", rel="alternate", href=link)
    _add_authors(element, named(info.authors))
    if rights := fit_line(info.rights):
        _say(child(element, "rights", rights))
    if icon := fit_address(info.icon):
        child(element, "icon", icon)
    return element


def _aware(moment: datetime | None) -> datetime | None:
    return moment if moment and moment.tzinfo else None


def _source_id(source: PublishedSource) -> str:
    own = source.info.id
    return own if own and is_absolute_iri(own) else fit_url(source.url)


def _add_authors(parent: Element, authors: Iterable[Person]) -> None:
    for author in authors:
        element = child(parent, "author")
        for name, fact in _person(author).items():
            child(element, name, fact)
