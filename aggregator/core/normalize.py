"""From what a document said to entries with an identity.

Rule 1: an entry's identity is the source's own guid; else its link as written; else a digest of
        its text. No base address and no redirect takes part in it.
Rule 2: a guid that a document gives to items with different links names none of them alone;
        there the link takes part in the identity of each.
Rule 3: a link that a document gives to several items names no story.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256

from aggregator.core.digest import digest
from aggregator.core.model import Content, Entry, ReadEntry
from aggregator.core.urls import canonical_link


def normalize(read: Sequence[ReadEntry], *, language: str | None = None) -> tuple[Entry, ...]:
    """A document's entries, each identity once (its first occurrence), in document order.

    `language` is what the configuration knows better than the source.
    """
    guids = [_guid(entry) for entry in read]
    links = [_canonical(entry.content.link) for entry in read]
    ambiguous = _guids_of_several_links(zip(guids, links, strict=True))
    shared_links = {link for link, count in Counter(links).items() if count > 1}
    entries: dict[bytes, Entry] = {}
    for item, guid, link in zip(read, guids, links, strict=True):
        identity = digest(guid, link or "") if guid in ambiguous else digest(guid)
        if identity not in entries:
            entries[identity] = Entry(
                guid=guid,
                digest=identity,
                link_digest=digest(link) if link and link not in shared_links else None,
                fingerprint=fingerprint(item.content),
                published=item.published,
                updated=item.updated,
                content=replace(item.content, language=language or item.content.language),
            )
    return tuple(entries.values())


def fingerprint(content: Content) -> bytes:
    """16 bytes over all that a reader sees; not the dates, since many sources re-stamp them."""
    return digest(
        content.title,
        content.link or "",
        repr(content.authors),
        content.summary,
        content.content_html,
        repr(content.categories),
        repr(content.enclosures),
        content.image or "",
    )


def _guid(entry: ReadEntry) -> str:
    return entry.guid or entry.link_as_written or _text_guid(entry.content)


def _text_guid(content: Content) -> str:
    files = "\n".join(enclosure.url for enclosure in content.enclosures)
    text = f"{content.title}\n{content.content_html}\n{content.text}\n{files}"
    return f"sha256:{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _canonical(link: str | None) -> str | None:
    return canonical_link(link) if link else None


def _guids_of_several_links(pairs: Iterable[tuple[str, str | None]]) -> set[str]:
    links_of: defaultdict[str, set[str | None]] = defaultdict(set)
    for guid, link in pairs:
        links_of[guid].add(link)
    return {guid for guid, links in links_of.items() if len(links) > 1}
