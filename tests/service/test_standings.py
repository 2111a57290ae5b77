"""Places that are followed are those that the database tells, whatever happens to its stories."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aggregator.core.filters import NO_FILTERS, Filters
from aggregator.core.model import FeedInfo
from aggregator.core.publication import CONTENT_TYPES, Publication
from aggregator.service import standings
from aggregator.service.documents import Documents
from aggregator.service.ports import Selection
from aggregator.service.standings import Standings
from aggregator.store.sql import SqlStore, open_store
from tests.builders import NOON, ago
from tests.core.test_filters import filter_of
from tests.fakes import FakeClock, Notebook
from tests.service.published import LATEST, catalogue
from tests.store.memory import MemoryStore
from tests.store.steps import EVERYTHING, configure, edit_of, poll, spec, story

OF_A = Selection(sources=frozenset({"a"}))
SELECTIONS = [EVERYTHING, OF_A, Selection(search="title"), Selection(sources=frozenset({"a", "b"}))]
PUBLICATIONS = (
    replace(LATEST, limit=5),
    Publication(slug="b", title="B", path="publications/b", sources=frozenset({"b"}), limit=3),
    Publication(slug="few", title="Few", path="publications/few", limit=4, max_per_source=2),
    Publication(slug="days", title="Days", path="days", limit=2, window=timedelta(minutes=9)),
)
HIDING = Filters(everywhere=filter_of(exclude=("title: Hidden",)))


class Life:
    """What happens to a database, at random."""

    def __init__(self, store: SqlStore, seed: int) -> None:
        self._store = store
        self._chance = random.Random(seed)
        self._count = 0
        self._told: list[tuple[str, Any]] = []
        self._listed = ["a", "b", "c"]
        self._down: list[str] = []
        self._events: list[Callable[[], Any]] = [
            *[self._add] * 6,
            *[self._edit] * 3,
            self._share,
            self._take_down,
            self._put_back,
            self._list_others,
            self._rename,
            self._stamp,
            self._prune,
        ]

    async def begin(self) -> None:
        await configure(self._store, *self._listed)
        for _ in range(9):
            await self._add()

    async def go_on(self) -> None:
        await self._chance.choice(self._events)()

    async def _add(self, **changes: Any) -> None:
        key = self._chance.choice(self._listed)
        new = []
        for _ in range(self._chance.choice([1, 1, 1, 2, 8])):
            self._count += 1
            at = NOON + timedelta(minutes=self._count - self._chance.choice([0, 0, 5, 50]))
            new.append(story(f"{self._count}", at=at, **changes))
        self._told += [(key, each) for each in new]
        await poll(self._store, key, *new, info=self._info(key), at=self._now())

    def _info(self, key: str) -> FeedInfo:
        updated = ago(days=1) if key == "a" else self._now()
        return FeedInfo(title=f"Feed {key}", updated=updated)

    def _now(self) -> Any:
        return NOON + timedelta(minutes=self._count)

    async def _share(self) -> None:
        link = f"https://a.example/shared/{self._count // 9}"
        await self._add(link=link, title="Title shared")

    async def _edit(self) -> None:
        key, item = self._chance.choice(self._told)
        if key not in self._listed:
            return
        (claimed,) = await self._store.claim([key], lease_until=NOON + timedelta(hours=1))
        known = await self._store.known(claimed.lease.source_id, [item.entry.digest], [])
        if item.entry.digest not in known.by_digest:
            return  # it was dropped
        title = self._chance.choice(["Title other", "Hidden", "Title shared"])
        edit = await edit_of(self._store, claimed, item, at=self._now(), title=title)
        moved = self._now() if self._chance.random() < 0.5 else None
        edited = (replace(edit, rank_at=moved),)
        await poll(self._store, key, edited=edited, info=self._info(key), at=self._now())

    async def _take_down(self) -> None:
        shown = await self._store.whole_stories(EVERYTHING, limit=6)
        if shown:
            taken = self._chance.choice(shown).id
            self._down.append(taken)
            await self._store.take_down(taken, reason="", now=self._now())

    async def _put_back(self) -> None:
        if self._down:
            await self._store.put_back(self._down.pop(), now=self._now())

    async def _list_others(self) -> None:
        self._listed = self._chance.choice([["a", "b", "c"], ["a", "b"], ["b", "c"]])
        await configure(self._store, *self._listed, now=self._now())

    async def _rename(self) -> None:
        specs = [spec(key, name=f"{key} {self._count}") for key in self._listed]
        await configure(self._store, *specs, now=self._now())

    async def _stamp(self) -> None:
        key = self._chance.choice(self._listed)
        info = FeedInfo(title=f"Feed {self._count}", updated=self._now())
        await poll(self._store, key, info=info, at=self._now())

    async def _prune(self) -> None:
        before = self._now() - timedelta(minutes=20)
        await self._store.prune(before=before, keep_per_source=3, now=self._now())


@pytest.fixture(params=range(3))
async def life(request, tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/test.db")
    yield store, Life(store, request.param)
    await store.aclose()


async def test_places_are_those_of_the_database_whatever_happens(life, monkeypatch):
    monkeypatch.setattr(standings, "MOST_MOVED", 6)
    monkeypatch.setattr(standings, "DEEPEST", 12)
    store, told = life
    followed = Standings(store)
    await told.begin()
    for _ in range(40):
        await told.go_on()
        followed.refresh()
        for selection in SELECTIONS:
            for limit, offset in ((4, 0), (3, 2), (4, 10)):
                found = await followed.follow(selection, limit=limit, offset=offset)
                assert found.places == await store.places(selection, limit=limit, offset=offset)


@pytest.mark.parametrize("filters", [NO_FILTERS, HIDING], ids=["all", "hiding"])
async def test_who_follows_makes_the_same_documents_as_who_reads_all_anew(life, filters):
    store, told = life
    made = catalogue(publications=PUBLICATIONS, filters=filters)

    def documents() -> Documents:
        return Documents(store=store, clock=FakeClock(), catalogue=made, complain=Notebook().failed)

    await told.begin()
    kept = documents()
    for _ in range(15):
        await told.go_on()
        fresh = documents()
        for publication in PUBLICATIONS:
            for format in CONTENT_TYPES:
                found = await kept.get(publication, format, exact=True)
                other = await fresh.get(publication, format, exact=True)
                assert (found.body, found.etag) == (other.body, other.etag)


@pytest.fixture
async def watched(monkeypatch):
    """A store, and of how many stories it was asked for the places."""
    store, read = MemoryStore(), []
    await configure(store, "a", "b")
    await poll(store, "a", *(story(f"{n}", at=ago(hours=n)) for n in range(20)))
    standing = store.standing

    async def counted(selection, *, limit):
        read.append(limit)
        return await standing(selection, limit=limit)

    monkeypatch.setattr(store, "standing", counted)
    return store, read


async def test_what_is_new_comes_in_without_a_look_at_the_others(watched):
    store, read = watched
    followed = Standings(store)
    for number in range(5):
        followed.refresh()
        await followed.follow(EVERYTHING, limit=10)
        await poll(store, "b", story(f"new {number}"))

    assert len(read) == 1


async def test_what_was_asked_for_since_the_last_change_is_not_asked_for_again(watched):
    store, _ = watched
    followed = Standings(store)
    followed.refresh()
    before = (await followed.follow(EVERYTHING, limit=10)).places
    await poll(store, "b", story("new"))

    assert (await followed.follow(EVERYTHING, limit=10)).places == before
    followed.refresh()
    assert (await followed.follow(EVERYTHING, limit=10)).places != before


async def follow_and_take_down(store, followed) -> None:
    """The first of its stories goes when the places have been found to be true."""
    followed.refresh()
    places = (await followed.follow(EVERYTHING, limit=8)).places
    assert places == await store.places(EVERYTHING, limit=8)
    first, *_ = await store.whole_stories(EVERYTHING, limit=1)
    await store.take_down(first.id, reason="", now=NOON)


async def test_places_that_go_are_replaced_by_spare_ones_as_far_as_there_are(watched):
    store, read = watched
    followed = Standings(store)
    for _ in range(4):
        await follow_and_take_down(store, followed)

    assert read == [10, 10]


async def test_what_comes_in_below_all_that_is_known_takes_no_place_there(watched):
    store, read = watched
    followed = Standings(store)
    for number in range(4):
        await follow_and_take_down(store, followed)
        await poll(store, "b", story(f"old {number}", at=ago(days=9)))

    assert read == [10, 10]


async def test_there_is_room_for_so_many_places_only(watched, monkeypatch):
    monkeypatch.setattr(standings, "MOST_PLACES", 30)
    store, read = watched
    followed = Standings(store)
    for selection in (EVERYTHING, OF_A, EVERYTHING):
        followed.refresh()
        await followed.follow(selection, limit=16)

    assert len(read) == 3
