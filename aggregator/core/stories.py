"""One story from several sources: which entries belong together, and which of them leads.

Rule 1: entries of different sources with the same canonical link are one story, unless both have
        long texts that share nothing: then they tell different things of one page, and the link
        belongs to the one that lives there. Two feeds of one site may do so all the same.
Rule 2: entries that tell the same under different links are one story, too (`likeness`). A text
        that one source gives to several entries names none of them.
Rule 3: two entries of one source never are one: a source that gives one link to many items (a
        download page, say) means many items.
Rule 4: a story's id is fixed when it opens, and goes to no other. What joined leaves when an edit
        makes it another story; what opened it stays.
Rule 5: the origin leads; nothing that another source writes of itself makes it the origin. Among
        equals the operator's `priority` decides, then who was seen first.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from aggregator.core.likeness import Told, is_related, is_same_story, is_unrelated, same_words
from aggregator.core.model import JoinedBy
from aggregator.core.urls import bare_host, is_plain_url, site_of

LONGEST_ID = 2048
"""Characters of a guid that we publish as it is."""

_IRI_CHARACTERS = re.compile(r"(?:[!#$&'()*+,\-./0-9:;=?@A-Z_a-z~]++|%[0-9A-Fa-f]{2})+")
"""What RFC 3986 §2 allows; square brackets for addresses of hosts alone, which are not kept."""

# RFC 4151 §2.1: tag:authority,date:specific, the authority in lower case.
_TAG = re.compile(r"tag:([a-z0-9._-]+@)?[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[^#]*(#[^#]*)?", re.ASCII)

# RFC 8141 §2: urn:namespace:specific, without the slash that validators do not know of; RFC 9562
# §4 for the one of UUIDs.
_URN = re.compile(
    r"urn:(?!uuid:)[a-z0-9][a-z0-9-]{0,31}:[^/?#&~]+"
    r"|urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
    re.IGNORECASE,
)

_IDS = UUID("8a2ef1de-7c0c-4f6f-9d5d-6d7a3b0f5c21")
"""The namespace of the ids that we make (RFC 9562 §5.5). It must never change."""


class Claim(IntEnum):
    """What speaks for an entry being the origin, the weakest first."""

    COPY = 0
    """It says itself that it is from elsewhere."""
    NONE = 1
    SITE = 2
    """Its link leads to the site that its feed says it belongs to."""
    HOME = 3
    """Its link leads to the host that its feed is polled from: the operator's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An entry of a story, as far as the choice of its lead goes. `id` is the entry's."""

    id: int
    source_url: str
    site_url: str | None
    link: str | None
    taken_from: tuple[str, ...] = ()
    priority: int = 0
    """Of its source."""

    @property
    def claim(self) -> Claim:
        """How good it is to lead."""
        homes = [url for url in (self.source_url, self.site_url) if url]
        elsewhere = {site_of(url) for url in self.taken_from}
        if elsewhere and elsewhere.isdisjoint(map(site_of, homes)):
            return Claim.COPY
        if self.link is None:
            return Claim.NONE
        if site_of(self.link) == site_of(self.source_url):
            return Claim.HOME
        at_home = lives_at(self.source_url, self.site_url, self.link)
        return Claim.SITE if at_home else Claim.NONE


def lead_of(members: Sequence[Member]) -> Member:
    """The one with the best claim; of several the one with the highest priority, then the first.

    `members` stand in the order in which they were seen, which no source can forge as it can a
    date; there is at least one.
    """
    return max(members, key=lambda member: (member.claim, member.priority))


def lives_at(source_url: str, site_url: str | None, link: str) -> bool:
    """Whether a source, or the page that its feed belongs to, is where the link leads."""
    homes = {bare_host(url) for url in (source_url, site_url) if url}
    return bare_host(link) in homes


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An entry with what it tells and what it claims."""

    told: Told
    link_digest: bytes | None
    claim: Claim


def contradicts(one: Telling, other: Telling) -> bool:
    """Whether two entries with one link are two stories (rule 1)."""
    both_at_home = one.claim == other.claim == Claim.HOME
    return not both_at_home and is_unrelated(one.told, other.told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An entry whose text may be that of another one."""

    source_id: int
    story_id: int | None
    """None where it comes in together with that one."""
    told: Told


def told_before(told: Told, source_id: int, candidates: Iterable[Candidate]) -> int | None:
    """The story that tells the same (rule 2). `candidates` stand in the order they were seen."""
    alike = [each for each in candidates if same_words(told, each.told)]
    times = Counter([source_id, *(each.source_id for each in alike)])
    if max(times.values()) > 1:
        return None
    return next((each.story_id for each in alike if is_same_story(told, each.told)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """A member of a story, as far as the question goes whether it stays."""

    id: int
    joined_by: JoinedBy
    telling: Telling


def leavers(members: Sequence[Kin], edited: set[int]) -> list[Kin]:
    """Who is another story since `edited` were (rule 4). `members` stand in the order seen."""
    opener = next((each for each in members if each.joined_by == "alone"), members[0])
    apart = {each.id: each for each in members if each is not opener}
    reached = [opener]
    for kin in reached:  # grows
        for other in list(apart.values()):
            untouched = edited.isdisjoint((kin.id, other.id))
            if untouched or stays_with(kin.telling, other.telling):
                reached.append(apart.pop(other.id))
    return list(apart.values())


def stays_with(one: Telling, other: Telling) -> bool:
    """Whether two entries of one story are still one after an edit."""
    if one.link_digest is not None and one.link_digest == other.link_digest:
        return not contradicts(one, other)
    return is_related(one.told, other.told)


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
    if is_plain_url(guid):
        return True
    try:
        parts = urlsplit(guid)
    except ValueError:
        return False
    match parts.scheme:
        case "http" | "https":
            return bool(parts.hostname)
        case "tag":
            return _TAG.fullmatch(guid) is not None
        case _:
            return _URN.fullmatch(guid) is not None
