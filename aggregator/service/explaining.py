"""Why an entry is, or is not, where it is.

find_stories   by published id, guid or link, or a part of one      (store)
| tombstones   where none is it: dropped, left out, or taken down   (store)
| judge        by every publication, with what is newer             (windows, core)
| sentences                                                         (core)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from aggregator.core.digest import digest
from aggregator.core.filters import Filters, Hiding, as_shown, hiding
from aggregator.core.model import PublishedEntry, Story, StoryEntry, Takedown
from aggregator.core.names import names_story, names_takedown
from aggregator.core.publication import Publication
from aggregator.core.reasons import Where, beyond, left_out, why_it_leads
from aggregator.core.select import LeftOut, Selector
from aggregator.core.stories import lives_at
from aggregator.core.urls import canonical_text, web_url
from aggregator.service.ports import Clock, ReadStore, SourceHealth, Tombstone
from aggregator.service.windows import (
    DEEPEST_WINDOW,
    WINDOW,
    InFull,
    depth_of_pages,
    judged_stories,
)

MOST_FOUND = 20
"""Stories that are explained for one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A story in one publication. `position` counts what is shown from 1, newest first."""

    slug: str
    shown: bool
    position: int | None = None
    reason: str | None = None
    """Why it is not shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A story that is stored."""

    story: Story
    shown: PublishedEntry | None
    """As the filters for all publications leave it; None where they hide it."""
    lead: str
    """Why its first entry stands for it."""
    hidden_by: Sequence[Hiding | None]
    """For each entry what hides it everywhere."""
    standings: Sequence[Standing]
    takedowns: Sequence[Takedown] = ()
    """What the operator did to hide it, or some of its entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of a text; all of it empty where nothing is."""

    stories: Sequence[Explained] = ()
    exact: bool = False
    """False where the text is but a part of what was found."""
    tombstones: Sequence[Tombstone] = ()
    """Where nothing is stored: who had it, or left it out."""
    takedowns: Sequence[Takedown] = ()
    """The stories that were taken down and of which nothing is stored any more."""
    neighbours: Sequence[SourceHealth] = field(default_factory=tuple)
    """Where nothing is known: the sources on the host that the text names."""


class Explainer:
    """Answers for what is published by one configuration."""

    def __init__(
        self,
        *,
        store: ReadStore,
        clock: Clock,
        publications: Sequence[Publication],
        filters: Filters,
        where: Where,
        priorities: Mapping[str, int],
    ) -> None:
        self._store = store
        self._clock = clock
        self._publications = publications
        self._filters = filters
        self._where = where
        self._priorities = priorities

    async def explain(self, text: str) -> Explanation:
        found = await self._store.find_stories(text, limit=MOST_FOUND)
        exact = [story for story in found if names_story(text, story)]
        down = [each for each in await self._store.takedowns() if names_takedown(text, each)]
        dead = [] if exact else await self._store.tombstones(_digests(text))
        if dead or (down and not exact):
            return Explanation(tombstones=dead, takedowns=down)
        if not found:
            return Explanation(neighbours=await self._neighbours(text))
        explained = [await self._explained(story) for story in exact or found]
        return Explanation(stories=explained, exact=bool(exact))

    async def _neighbours(self, text: str) -> list[SourceHealth]:
        link = web_url(text) or web_url(f"https://{text}")
        sources = await self._store.sources() if link else []
        return [each for each in sources if link and lives_at(each.url, each.info.link, link)]

    async def _explained(self, story: Story) -> Explained:
        now = self._clock.now()
        hidden_by = [hiding(self._filters.over(each), each, now=now) for each in story.entries]
        passing = [
            each
            for each, hidden in zip(story.entries, hidden_by, strict=True)
            if each.available and not hidden
        ]
        return Explained(
            story=story,
            shown=as_shown(story, passing) if passing else None,
            lead=why_it_leads(story, self._priorities),
            hidden_by=hidden_by,
            standings=[await self._standing(story, each, now) for each in self._publications],
            takedowns=await self._takedowns(story),
        )

    async def _takedowns(self, story: Story) -> list[Takedown]:
        by = {entry.taken_down for entry in story.entries}
        return [each for each in await self._store.takedowns() if each.id in by]

    async def _standing(self, story: Story, publication: Publication, now: datetime) -> Standing:
        alone = Selector(publication, self._filters, now=now).judge(story)
        if isinstance(alone, LeftOut):
            return self._left_out(story, alone, publication, now)
        selector = Selector(publication, self._filters, now=now)
        position, newest = 1, story.rank_at
        async for each, judged in judged_stories(InFull(self._store), selector, publication):
            if each.number == story.number:
                if isinstance(judged, LeftOut):
                    return self._left_out(story, judged, publication, now)
                return self._placed(publication, position, story.rank_at, newest)
            if not isinstance(judged, LeftOut):
                newest = each.rank_at if position == 1 else newest
                position += 1
        deepest = WINDOW * DEEPEST_WINDOW
        reason = f"it is not among the newest {deepest} stories, and nobody looks further"
        return Standing(slug=publication.slug, shown=False, reason=reason)

    def _left_out(
        self, story: Story, by: LeftOut, publication: Publication, now: datetime
    ) -> Standing:
        as_seen = _as_seen(story, publication, self._filters, now)
        reason = left_out(as_seen, by, publication, self._where, now=now)
        return Standing(slug=publication.slug, shown=False, reason=reason)

    def _placed(
        self, publication: Publication, position: int, rank_at: datetime, newest: datetime
    ) -> Standing:
        shown = publication.has_room(position, rank_at, newest)
        reason = None if shown else beyond(position, publication.limit, publication.window)
        deepest = depth_of_pages(publication, self._filters)
        if reason and (deepest is None or position <= deepest):
            reason += "; its pages show it"
        return Standing(slug=publication.slug, shown=shown, position=position, reason=reason)


def _as_seen(story: Story, publication: Publication, filters: Filters, now: datetime) -> Story:
    """The story with the entry first that would lead it there."""

    def is_out(entry: StoryEntry) -> bool:
        over = filters.over(entry, publication.filter)
        return not entry.available or hiding(over, entry, now=now) is not None

    return replace(story, entries=tuple(sorted(story.entries, key=is_out)))


def _digests(text: str) -> list[bytes]:
    """What the text may stand under as a guid, also where other entries bear the same one."""
    return [digest(text), digest(text, ""), digest(text, canonical_text(text) or "")]
