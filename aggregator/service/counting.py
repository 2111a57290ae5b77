"""What the rules of a configuration do to the entries that are stored: a trial, for `check`.

Each filter is counted by itself, as if there were no other.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aggregator.core.filters import Filter, Filters, Place
from aggregator.core.model import StoryEntry
from aggregator.core.publication import Publication
from aggregator.core.rules import Rule
from aggregator.service.ports import ReadStore, Selection

_AT_ONCE = 500
"""Stories in memory."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one filter does. `sources` are the keys that it looks at, None being all."""

    filter: Filter
    sources: frozenset[str] | None = None
    entries: int = 0
    matches: Counter[Place] = field(default_factory=Counter)
    """By the place of the rule."""
    missed: int = 0
    """Entries that no include matches, where there are any."""
    hidden: int = 0

    def count(self, entry: StoryEntry, now: datetime) -> None:
        if self.sources is not None and entry.source.key not in self.sources:
            return
        self.entries += 1
        matched = self._matched(entry, now)
        self.matches.update(place for place, _ in matched)
        missed = bool(self.filter.include) and "include" not in dict(matched).values()
        self.missed += missed
        self.hidden += missed or "exclude" in dict(matched).values()

    def _matched(self, entry: StoryEntry, now: datetime) -> list[tuple[Place, str]]:
        age = now - entry.published
        return [
            (place, option)
            for place, option, rule in self._rules()
            if rule.matches(entry.content, age)
        ]

    def _rules(self) -> Iterator[tuple[Place, str, Rule]]:
        of = self.filter
        for option, rules in (("include", of.include), ("exclude", of.exclude)):
            for index, rule in enumerate(rules):
                yield (*of.place, option, index), option, rule

    def said(self) -> Iterator[tuple[Place, str]]:
        """A sentence for each rule, and one for what they come to where that is to be told."""
        of = self.filter
        if not self.entries:
            yield of.place, "no entry is stored yet that its rules could be tried on"
            return
        for place, option, _ in self._rules():
            yield place, self._does(self.matches[place], option)
        if self.missed == self.entries:
            yield (*of.place, "include"), f"{self._does(self.missed, 'exclude')}: nothing is left"
        elif self.hidden == self.entries and of.include:
            yield of.place, f"its include and exclude together hide {self._of(self.hidden)}"
        elif len(of.include) > 1:
            yield (*of.place, "include"), self._does(self.missed, "exclude")

    def _does(self, matches: int, option: str) -> str:
        if not matches:
            return f"matches none of the {self.entries} stored entries"
        return f"{'shows' if option == 'include' else 'hides'} {self._of(matches)}"

    def _of(self, count: int) -> str:
        part = "all" if count == self.entries else f"{count}"
        return f"{part} of the {self.entries} stored entries"


async def count_matches(
    store: ReadStore, publications: Sequence[Publication], filters: Filters, *, now: datetime
) -> list[Tally]:
    """Of every filter that has rules, in the order of the file's sections."""
    tallies = [
        Tally(filter=filters.everywhere),
        *(
            Tally(filter=its_own, sources=frozenset({key}))
            for key, its_own in filters.of_sources.items()
        ),
        *(Tally(filter=each.filter, sources=each.sources) for each in publications),
    ]
    tallies = [tally for tally in tallies if tally.filter]
    offset = 0
    while tallies:
        some = await store.whole_stories(Selection(), limit=_AT_ONCE, offset=offset)
        for entry in (entry for story in some for entry in story.entries):
            for tally in tallies:
                tally.count(entry, now)
        offset += _AT_ONCE
        if len(some) < _AT_ONCE:
            break
    return tallies
