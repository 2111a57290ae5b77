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
