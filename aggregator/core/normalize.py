"""From what a document said to entries with an identity.

Rule 1: an entry's identity is the source's own guid; else its link as written; else a digest of
        its text. No base address and no redirect takes part in it.
Rule 2: what a document gives to several items names none of them alone. With one guid, items with
        different links are different entries; with one link and no guid, different titles are.
        With all of it the same they are versions of one entry, and the newest stands.
Rule 3: a link that a document gives to several entries names no story.
Rule 4: a guid that is an address is the same with another scheme, with or without `www.` or a
        slash at its end – unless the document lists both.
Rule 5: a link loses its tracking parameters, and nothing else.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from aggregator.core.digest import digest, digests
from aggregator.core.model import Content, Entry, ReadEntry
from aggregator.core.trackers import without_trackers
from aggregator.core.urls import canonical_link, other_forms

VERSION = b"\x02"
"""Of fingerprints. Another one when what is kept of an entry changes, or how its HTML is cleaned:
entries that were taken in before are refreshed then, and nobody takes that for an edit. The first
version had no such byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """What one item calls itself, whatever company it is in."""

    alone: bytes
    """As `Entry.alone`."""
    link: bytes | None
    """The digest of its link."""


def names_of(read: Sequence[ReadEntry], entries: Sequence[Entry]) -> tuple[Name, ...]:
    """Those of a document's items, one each; `entries` are what `normalize` makes of them."""
    if len(entries) == len(read):  # else several items are one entry
        return tuple(map(_name_as_normalized, read, entries))
    return tuple(map(_name_of, read))


def _name_as_normalized(item: ReadEntry, entry: Entry) -> Name:
    if entry.link_digest is None and item.content.link:  # others of the document have it, too
        return _name_of(item)
    return Name(alone=entry.alone, link=entry.link_digest)


def _name_of(item: ReadEntry) -> Name:
    item = _untracked(item)
    link = _canonical(item.content.link)
    guid, _ = _name(item, link)
    return Name(alone=digest(guid), link=digest(link) if link else None)


def normalize(
    read: Sequence[ReadEntry], *, language: str | None = None, forms: bool = True
) -> tuple[Entry, ...]:
    """A document's entries, each identity once, in document order.

    `language` is what the configuration knows better than the source. Other `forms` of guids are
    needed only where something is known that may bear them; they take half of the time.
    """
    read = [_untracked(entry) for entry in read]
    links = [_canonical(entry.content.link) for entry in read]
    names = [_name(entry, link) for entry, link in zip(read, links, strict=True)]
    ambiguous = _names_of_several(names)
    named = {(link, *name) for link, name in zip(links, names, strict=True)}
    shared_links = {link for link, n in Counter(link for link, *_ in named).items() if n > 1}
    listed = {guid for guid, _ in names}
    entries: dict[bytes, Entry] = {}
    for item, link, (guid, apart) in zip(read, links, names, strict=True):
        alone, among_others = digests(guid, apart)
        identity = among_others if guid in ambiguous else alone
        entry = Entry(
            guid=guid,
            digest=identity,
            alone=alone,
            apart=among_others,
            forms=_forms(guid, apart, listed) if forms else frozenset(),
            link_digest=digest(link) if link and link not in shared_links else None,
            fingerprint=fingerprint(item.content),
            published=item.published,
            updated=item.updated,
            content=_in_language(item.content, language),
            taken_from=item.taken_from,
        )
        if identity not in entries or _is_newer(entry, entries[identity]):
            entries[identity] = entry
    return tuple(entries.values())


def _untracked(entry: ReadEntry) -> ReadEntry:
    link = entry.content.link
    if link is None or (shorter := without_trackers(link)) == link:
        return entry
    return replace(entry, content=replace(entry.content, link=shorter))


def _in_language(content: Content, language: str | None) -> Content:
    return replace(content, language=language) if language else content


def _is_newer(entry: Entry, than: Entry) -> bool:
    return bool(entry.updated and than.updated and entry.updated > than.updated)


def fingerprint(content: Content) -> bytes:
    """What tells edits; not over the dates, since many sources re-stamp them."""
    return VERSION + digest(
        content.title,
        content.link or "",
        repr(content.authors),
        content.summary,
        content.content_html,
        repr(content.categories),
        repr(content.enclosures),
        content.image or "",
        repr(content.contributors),
        repr(content.terms),
        content.comments or "",
        repr(content.origin),
    )


def comparable(one: bytes, other: bytes) -> bool:
    """Whether two fingerprints are over the same things: else their difference says nothing."""
    return len(one) == len(other) and one[: len(VERSION)] == other[: len(VERSION)]


def _name(entry: ReadEntry, link: str | None) -> tuple[str, str]:
    """The entry's guid, and what tells it apart from others of the document that bear it, too."""
    if entry.guid:
        return entry.guid, link or ""
    return entry.link_as_written or _text_guid(entry.content), entry.content.title


def _forms(guid: str, apart: str, listed: Collection[str]) -> frozenset[bytes]:
    forms = other_forms(guid)
    if any(form in listed for form in forms):
        return frozenset()
    return frozenset(made for form in forms for made in digests(form, apart))


def _text_guid(content: Content) -> str:
    files = "\n".join(enclosure.url for enclosure in content.enclosures)
    text = f"{content.title}\n{content.content_html}\n{content.text}\n{files}"
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _canonical(link: str | None) -> str | None:
    return canonical_link(link) if link else None


def _names_of_several(names: Iterable[tuple[str, str]]) -> set[str]:
    apart_by_guid: defaultdict[str, set[str]] = defaultdict(set)
    for guid, apart in names:
        apart_by_guid[guid].add(apart)
    return {guid for guid, apart in apart_by_guid.items() if len(apart) > 1}
