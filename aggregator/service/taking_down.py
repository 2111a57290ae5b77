"""Taking stories down for good, and putting them back.

find_stories   by published id, guid or link
| exactly one  else nothing is done: they are told, and somebody chooses
| take_down    for ever, in the database                               (store)
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aggregator.core.model import Story, Takedown
from aggregator.core.names import names_story, names_takedown
from aggregator.service.ports import Clock, ReadStore

MOST_NAMED = 20
"""Stories that are told where a text is the name of several, or but a part of one."""


class TakedownStore(ReadStore, Protocol):
    """Where stories are taken down. One method is one transaction."""

    async def take_down(self, published_id: str, *, reason: str, now: datetime) -> bool:
        """No story is shown under this id again, nor by the guids that its entries have now, under
        whatever id. False where none is stored under it. A second time changes no date.
        """

    async def put_back(self, published_id: str, *, now: datetime) -> bool:
        """Takes that back for what is still stored; False where it was not taken down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hid:
    """The story that was taken down."""

    story: Story


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """The takedown that holds no more."""

    takedown: Takedown


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """Nothing was done: the text names none of these alone. `exact` where it names each."""

    stories: tuple[Story | Takedown, ...] = ()
    exact: bool = False


class TakingDown:
    def __init__(self, store: TakedownStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def hide(self, text: str, *, reason: str = "") -> Hid | Unclear:
        """Takes down the one story that bears this name."""
        found = await self._store.find_stories(text, limit=MOST_NAMED)
        exact = [story for story in found if names_story(text, story)]
        # An id names one story, even where others have it as a guid.
        named = [story for story in exact if story.id == text] or exact
        if len(named) != 1:
            return Unclear(stories=tuple(named or found), exact=bool(named))
        story = named[0]
        done = await self._store.take_down(story.id, reason=reason, now=self._clock.now())
        return Hid(story=story) if done else Unclear()

    async def unhide(self, text: str) -> PutBack | Unclear:
        """Puts the one story back that bears this name."""
        takedowns = await self._store.takedowns()
        exact = [each for each in takedowns if names_takedown(text, each)]
        named = [each for each in exact if each.id == text] or exact
        if len(named) != 1:
            return Unclear(stories=tuple(named), exact=bool(named))
        done = await self._store.put_back(named[0].id, now=self._clock.now())
        return PutBack(takedown=named[0]) if done else Unclear()

    async def takedowns(self) -> list[Takedown]:
        """What is taken down, newest first."""
        return await self._store.takedowns()
