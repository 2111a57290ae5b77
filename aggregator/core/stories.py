"""One story from several sources: which entries belong together, and which of them leads.

Entries of different sources with the same canonical link are one story. Two entries of one
source never are: a source that gives one link to many items (a download page, say) means
many items. A story's id is fixed when it opens; its lead may change once, to the origin.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from aggregator.core.urls import host_of

LONGEST_ID = 2048
"""Characters of a guid that we publish as it is."""

_IRI_CHARACTERS = re.compile(r"[!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]+")

_IDS = UUID("8a2ef1de-7c0c-4f6f-9d5d-6d7a3b0f5c21")
"""The namespace of the ids that we make (RFC 9562 §5.5). It must never change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An entry of a story, as far as the choice of its lead goes. `id` is the entry's."""

    id: int
    source_url: str
    site_url: str | None
    link: str | None


def lead_of(members: Sequence[Member]) -> Member:
    """The origin: the first member whose source lives where the link points; else the first.

    `members` stand in the order in which they were seen; there is at least one.
    """
    return next((each for each in members if _is_origin(each)), members[0])


def _is_origin(member: Member) -> bool:
    return member.link is not None and lives_at(member.source_url, member.site_url, member.link)


def lives_at(source_url: str, site_url: str | None, link: str) -> bool:
    """Whether a source, or the page that its feed belongs to, is on the link's host."""
    homes = {_bare_host(url) for url in (source_url, site_url) if url}
    return _bare_host(link) in homes


def _bare_host(url: str) -> str:
    return host_of(url).removeprefix("www.")


def published_id(source_key: str, guid: str, *, taken: bool = False) -> str:
    """The id under which a story is published: an absolute IRI for ever (RFC 4287 §4.2.6).

    A guid that is such an IRI is kept, so that readers recognise the entry from elsewhere; other
    guids, and those that another story holds already (`taken`), get one that depends on nothing
    but the source and the guid, so that it is the same after a rebuild of the database.
    """
    if not taken and is_absolute_iri(guid):
        return guid
    return uuid5(_IDS, f"{source_key}\n{guid}").urn


def is_absolute_iri(guid: str) -> bool:
    """Whether the text can be an atom:id as it stands: http(s), tag or urn, in plain ASCII."""
    if len(guid) > LONGEST_ID or not _IRI_CHARACTERS.fullmatch(guid):
        return False
    try:
        parts = urlsplit(guid)
    except ValueError:
        return False
    match parts.scheme:
        case "http" | "https":
            return bool(parts.hostname)
        case "tag":  # RFC 4151: tag:authority,date:specific
            return "," in parts.path and ":" in parts.path
        case scheme:  # RFC 8141: urn:namespace:specific
            return scheme == "urn" and ":" in parts.path
