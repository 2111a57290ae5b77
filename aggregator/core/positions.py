"""Where a story stands among all: by rank, and by when it last changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aggregator.core.model import Story
from aggregator.core.shown import Attribution

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """By rank, and by its number where ranks are equal."""

    rank_at: datetime
    number: int


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """In the order of changes: by the revision, and by the story's number inside of it."""

    revision: int
    number: int


class Placed(NamedTuple):
    """Where a story stands by rank, and the revision that last changed what is shown of it."""

    rank: int
    """Microseconds since 1970: there are many of these, and few are asked for the date."""
    number: int
    changed_in: int

    @property
    def rank_at(self) -> datetime:
        return _EPOCH + self.rank * _MICROSECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A state of the database: the newest revision, and how many stories are stored in all."""

    revision: int
    stories: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the first of some stories stand, the highest first, in one state."""

    at: Tally
    places: list[Placed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What has become of some stories since an earlier state."""

    at: Tally
    changed: frozenset[int]
    """Of all stories, by number: none of these stands where it stood."""
    places: list[Placed]
    """Where those of them stand that are selected now; in no order."""
    told: Mapping[str, Attribution] | None
    """What is told now of the sources of these stories, by key, and maybe of others; nothing else
    is told of any other source than before. None: that is not certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedStory:
    """A story as it is now, and the steps that opened and last changed it."""

    story: Story
    opened: Step
    changed: Step
