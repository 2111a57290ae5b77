"""Which stories of a window a publication shows. Order is the store's: newest first by rank."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from aggregator.core.filters import Filters, Hiding, as_shown, hiding, turns
from aggregator.core.model import PublishedEntry, Story, StoryEntry
from aggregator.core.publication import Publication
from aggregator.core.searching import parse_query

_TURNS = timedelta(milliseconds=1)
"""More than entries with one date stand below it, each a little (`reconcile`)."""

Why = Literal["sources", "filter", "search", "language", "max_age", "max_per_source", "max_per_day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Why a publication does not show a story. `by` is what hides it, where that is filters."""

    why: Why
    by: Hiding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is left of a story, or why nothing is; `until` is when time alone may change that."""

    shown: PublishedEntry | LeftOut
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a publication's conditions ask of what it shows."""

    source_key: str
    published: datetime
    language: str | None
    day: date


def narrows(publication: Publication, filters: Filters) -> bool:
    """Whether the publication drops stories of its sources, so that they have to be looked at.

    What its search finds, the store finds without a look at the others.
    """
    return chooses(publication) or bool(filters or publication.max_per_day)


def chooses(publication: Publication) -> bool:
    """Whether it has conditions of its own beside sources and search."""
    own = publication.languages or publication.max_age or publication.max_per_source
    return bool(own or publication.filter)


class Selector:
    """Judges one story after the other, newest first; the publication's `limit` aside."""

    def __init__(
        self, publication: Publication, filters: Filters, *, now: datetime, found: bool = False
    ) -> None:
        """`found` where the stories are those in which the store found the publication's search."""
        self._publication = publication
        self._found = found
        self._filters = filters
        self._now = now
        self._query = parse_query(publication.search) if publication.search else None
        self._shown: Counter[str] = Counter()
        self._most = dict(publication.max_per_day)
        self._of_days: Counter[tuple[str, date]] = Counter()
        self.until: datetime | None = None
        """When time alone will change the judgement of a story that was seen."""

    def judge(self, story: Story) -> PublishedEntry | LeftOut:
        """The story as it is shown, or why it is not."""
        look = self.look(story)
        self.note(look.until)
        if isinstance(look.shown, LeftOut):
            return look.shown
        return self.fit(facts_of(story, look.shown)) or look.shown

    def look(self, story: Story) -> Look:
        """What sources, filters and search leave of it, whatever else is shown."""
        hidden = [(entry, self._look(entry)) for entry in story.entries if entry.available]
        moments = [moment for _, (_, moment) in hidden if moment is not None]
        judged = [(entry, by) for entry, (by, _) in hidden]
        return Look(shown=self._left_of(story, judged), until=min(moments, default=None))

    def _left_of(
        self, story: Story, judged: Sequence[tuple[StoryEntry, Hiding | None]]
    ) -> PublishedEntry | LeftOut:
        inside = [(entry, by) for entry, by in judged if self._takes_from(entry)]
        passing = [entry for entry, by in inside if by is None]
        if not inside:
            return LeftOut(why="sources")
        if not passing:
            return LeftOut(why="filter", by=inside[0][1])
        if not (self._found and len(passing) == len(judged)) and not self._finds(passing):
            return LeftOut(why="search")
        return as_shown(story, [entry for entry, by in judged if by is None])

    def _finds(self, entries: Iterable[StoryEntry]) -> bool:
        query = self._query
        return query is None or any(query.finds(entry.content) for entry in entries)

    def _takes_from(self, entry: StoryEntry) -> bool:
        keys = self._publication.sources
        return keys is None or entry.source.key in keys

    def _look(self, entry: StoryEntry) -> tuple[Hiding | None, datetime | None]:
        """What hides it, and when time alone may change that."""
        filters = self._filters.over(entry, self._publication.filter)
        until = min(turns(filters, entry, now=self._now), default=None)
        return hiding(filters, entry, now=self._now), until

    def fit(self, shown: Facts) -> LeftOut | None:
        """Why the publication has no room for what is left of a story; None where it has."""
        of, key = self._publication, shown.source_key
        if of.max_age is not None and shown.published < self._now - of.max_age:
            return LeftOut(why="max_age")
        if not _speaks(shown.language or "", of.languages):
            return LeftOut(why="language")
        if of.max_per_source and self._shown[key] >= of.max_per_source:
            return LeftOut(why="max_per_source")
        of_day = key, shown.day
        if key in self._most and self._of_days[of_day] >= self._most[key]:
            return LeftOut(why="max_per_day")
        self._shown[key] += 1
        self._of_days[of_day] += 1
        if of.max_age is not None:
            self.note(shown.published + of.max_age)
        return None

    def note(self, moment: datetime | None) -> None:
        """That time changes something then, if ever."""
        self.until = min(filter(None, (self.until, moment)), default=None)


def facts_of(story: Story, shown: PublishedEntry) -> Facts:
    return Facts(
        source_key=shown.source.key,
        published=shown.published,
        language=shown.content.language,
        day=day_of(story.rank_at),
    )


def day_of(rank_at: datetime) -> date:
    """By rank, and in UTC: which of the days that `max_per_day` counts by."""
    return (rank_at.astimezone(UTC) + _TURNS).date()


def _speaks(language: str, languages: frozenset[str] | None) -> bool:
    language = language.lower()
    return languages is None or any(
        language == wanted or language.startswith(f"{wanted}-") for wanted in languages
    )
