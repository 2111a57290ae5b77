"""Where the first stories of publications stand, brought up to date by what has changed since.

standing       the first ones, and the state of the database that this is of    (store)
| moved        what changed since then: few, however many there are             (store)
| placed       those go from where they stood and come in where they stand now
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from aggregator.core.positions import Moved, Placed, Standing, Tally
from aggregator.core.shelf import Shelf
from aggregator.core.shown import Attribution
from aggregator.service.ports import Selection

MOST_PLACES = 40_000
"""In memory: all that some dozens of large publications show."""

PLACE = 170
"""Bytes."""

DEEPEST = 2000
"""Places of a publication that are kept; feeds show half of that, and pages further down are
read."""

SPARE = 8
"""One in so many more than were asked for, so that others take the place of what goes."""

MOST_MOVED = 500
"""Changes that are sooner followed than all places read anew."""

BEFORE_ALL = -1
"""A revision that was none."""


class StandingStore(Protocol):
    """Which stories there are, without their texts."""

    async def places(self, selection: Selection, *, limit: int, offset: int = 0) -> list[Placed]:
        """Where the stories that `ReadStore.stories` lists stand, in the same order."""

    async def standing(self, selection: Selection, *, limit: int) -> Standing:
        """The first `limit` of the same places."""

    async def moved(self, selection: Selection, since: Tally, *, most: int) -> Moved | None:
        """What has become of stories since that state. The selection has no bounds by rank.

        None where that cannot be told since stories were deleted, or where more than `most`
        changed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Where stories stand, and what else is told of their sources than some time before."""

    places: Sequence[Placed]
    at: int = BEFORE_ALL
    """The revision as of which all of this is known."""
    since: int = BEFORE_ALL
    """The revision since which nothing else is told of any source than `told` says."""
    told: Mapping[str, Attribution] | None = None
    """By the key of the source; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    at: Tally
    places: Sequence[Placed]
    floor: Placed | None
    """What stands below that place is not known; None where all are there."""
    most: int
    refresh: int
    """As of which they are known to be true."""
    since: int = BEFORE_ALL
    told: Mapping[str, Attribution] | None = None
    """See `Followed`."""

    def size(self) -> int:
        return PLACE * len(self.places)

    def reaches(self, depth: int) -> bool:
        return self.floor is None or len(self.places) >= depth

    def after(self, moved: Moved, refresh: int) -> "_Kept":
        since = replace(self, at=moved.at, refresh=refresh, since=self.at.revision, told=moved.told)
        if not moved.changed:
            return since
        places = [each for each in self.places if each.number not in moved.changed]
        for each in moved.places:
            if self.floor is None or each > self.floor:
                insort(places, each, key=_from_above)
        further = len(places) > self.most
        floor = places[self.most - 1] if further else self.floor
        return replace(since, places=places[: self.most], floor=floor)


class Standings:
    """Each is true as of the last `refresh`, or of what is later."""

    def __init__(self, store: StandingStore) -> None:
        self._store = store
        # Selections are long to write out, and most belong to publications that hold them anyway.
        self._kept = Shelf[Selection, _Kept](
            MOST_PLACES * PLACE, size=_Kept.size, key_size=lambda _: 0
        )
        self._refreshes = 0

    def refresh(self) -> None:
        """Something may have changed."""
        self._refreshes += 1

    async def follow(self, selection: Selection, *, limit: int, offset: int = 0) -> Followed:
        """The places as the store has them."""
        depth = offset + limit
        bounded = selection.after is not None or selection.since is not None
        if bounded or depth > DEEPEST:
            return Followed(places=await self._store.places(selection, limit=limit, offset=offset))
        if selection.sources is not None:
            selection = replace(selection, sources=frozenset(selection.sources))
        refresh = self._refreshes
        kept = await self._followed(selection, refresh)
        if kept is None or not kept.reaches(depth):
            kept = await self._anew(selection, depth, refresh)
        self._kept.put(selection, kept)
        return Followed(
            places=kept.places[offset:depth],
            at=kept.at.revision,
            since=kept.since,
            told=kept.told,
        )

    async def _followed(self, selection: Selection, refresh: int) -> _Kept | None:
        kept = self._kept.get(selection)
        if kept is None or kept.refresh >= refresh:
            return kept
        moved = await self._store.moved(selection, kept.at, most=MOST_MOVED)
        return None if moved is None else kept.after(moved, refresh)

    async def _anew(self, selection: Selection, depth: int, refresh: int) -> _Kept:
        most = depth + depth // SPARE + 1
        found = await self._store.standing(selection, limit=most)
        places = found.places
        return _Kept(
            at=found.at,
            places=places,
            floor=places[-1] if len(places) == most else None,
            most=most,
            refresh=refresh,
        )


def _from_above(place: Placed) -> tuple[int, int]:
    return -place.rank, -place.number
