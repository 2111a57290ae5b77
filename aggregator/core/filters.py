"""Which entries are hidden: a view on what is stored.

An entry passes a filter if it matches one of its includes, when there are any, and none of its
excludes. Three filters look at it: the one for all, its source's, and the publication's. To
readers a hidden entry is as if it were not stored: a story is shown by the entries that pass.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aggregator.core.model import PublishedEntry, Story, StoryEntry
from aggregator.core.rules import Rule

Place = tuple[str | int, ...]
"""Where something stands in the configuration: ("sources", "lwn", "exclude", 0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Two lists of rules, and the section that they stand in."""

    place: Place = ()
    include: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self.include + self.exclude


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiding:
    """What hides an entry: an exclude that matches, or all of the includes, as none does."""

    place: Place
    rule: str | None = None
    """As written; None where it is the includes together."""


NO_FILTER = Filter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Those that hold in every publication."""

    everywhere: Filter = NO_FILTER
    of_sources: Mapping[str, Filter] = field(default_factory=dict)
    """By key; those that have rules."""

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.of_sources)

    def over(self, entry: StoryEntry, publication: Filter = NO_FILTER) -> tuple[Filter, ...]:
        """The filters that look at this entry."""
        its_own = self.of_sources.get(entry.source.key, NO_FILTER)
        return tuple(each for each in (self.everywhere, its_own, publication) if each)


NO_FILTERS = Filters()


def hiding(filters: Iterable[Filter], entry: StoryEntry, *, now: datetime) -> Hiding | None:
    """The first that hides the entry; None where it passes all."""
    age = now - entry.published
    return next(filter(None, (_hiding(each, entry, age) for each in filters)), None)


def _hiding(by: Filter, entry: StoryEntry, age: timedelta) -> Hiding | None:
    for index, rule in enumerate(by.exclude):
        if rule.matches(entry.content, age):
            return Hiding(place=(*by.place, "exclude", index), rule=rule.written)
    if by.include and not any(rule.matches(entry.content, age) for rule in by.include):
        return Hiding(place=(*by.place, "include"))
    return None


def turns(filters: Iterable[Filter], entry: StoryEntry, *, now: datetime) -> Iterator[datetime]:
    """When rules about age will see this entry with other eyes."""
    for each in filters:
        for rule in each.rules:
            if rule.span is not None and entry.published + rule.span >= now:
                yield entry.published + rule.span


def as_shown(story: Story, entries: Sequence[StoryEntry]) -> PublishedEntry:
    """The story as these of its entries make it, the first of them in the lead; at least one."""
    lead = entries[0]
    others = {entry.source.key: entry.source for entry in entries}
    del others[lead.source.key]
    # Edits of who does not lead the story move nothing of it, but what is shown instead of it.
    own = (lead.updated,) if lead is not story.entries[0] else ()
    return PublishedEntry(
        id=story.id,
        guid=lead.guid,
        source=lead.source,
        also_in=tuple(others[key] for key in sorted(others)),
        published=lead.published,
        updated=lead.updated,
        first_seen=lead.first_seen,
        changed_at=max((story.changed_at, *own)),
        content=lead.content,
    )
