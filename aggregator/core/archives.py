"""A feed's archive: stories in the order in which they came into it, in blocks that do not change.

Every story that a feed shows has a place, written down when it first passes the feed's own
conditions. `BLOCK` places make a block; what comes later, whatever its date, is in a later one.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A feed's archive: how far it has come, and how many stories ever came into it.

    Numbers of stories and revisions are the database's own.
    """

    path: str
    """Where the feed's page is served, below the site."""
    definition: bytes
    """Over what says which stories belong to it; another one wants them all looked at again."""
    scanned_to: int | None
    """The story that a look at all of them has come to; None when that is done."""
    followed: tuple[int, int]
    """The revision, and the story changed in it, up to which changes were looked at."""
    again_at: datetime | None = None
    """When time alone may let stories in that were left out, from the number `again_from` on."""
    again_from: int | None = None
    length: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unarchived:
    """Stories of its sources that may come into an archive next, and how far one has looked."""

    stories: list[int]
    scanned_to: int | None
    followed: tuple[int, int]
    complete: bool
    """Whether that is all there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A story's place in an archive, counted from 0."""

    place: int
    number: int
    id: str
    """The one that it is published under."""


BLOCK = 100
"""Places of a volume. Addresses name volumes by their numbers: another size makes them others'."""

_LONGEST = 12
"""Digits of a number that any archive may reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A document of an archive: the volume of a number, from 1, or its first places.

    The last volume is open: what of it has to be named is named by how many places it had, so that
    the stories of a named document never become others.
    """

    number: int
    first: int | None = None
    """So many of its places; None where all are taken."""

    @property
    def start(self) -> int:
        return (self.number - 1) * BLOCK

    @property
    def stop(self) -> int:
        return self.start + (self.first or BLOCK)

    @property
    def end(self) -> int:
        """Where the next volume starts."""
        return self.start + BLOCK

    def __str__(self) -> str:
        return str(self.number) if self.first is None else f"{self.number}-{self.first}"


def volume_at(place: int) -> Volume:
    """The whole volume that has the place."""
    return Volume(number=place // BLOCK + 1)


def named_volume(text: str) -> Volume | None:
    """The volume of an address: "12", or "12-7" for the first seven; None for what names none."""
    number, dash, first = text.partition("-")
    if not _is_number(number) or (dash and not _is_number(first)):
        return None
    if not dash:
        return Volume(number=int(number))
    return Volume(number=int(number), first=int(first)) if int(first) < BLOCK else None


def _is_number(text: str) -> bool:
    """Written as we write it: each document has one address."""
    plain = text.isascii() and text.isdigit() and len(text) <= _LONGEST
    return plain and not text.startswith("0")
