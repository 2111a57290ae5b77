"""Feeds of several documents: nothing is lost for a reader who comes rarely (RFC 5005)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.core.archives import Volume
from aggregator.core.errors import StoreError, UnknownPublication
from aggregator.core.filters import Filters
from aggregator.core.leaves import NEWEST, Leaf
from aggregator.service.archives.archiving import lastingly
from aggregator.store.sql import open_store
from tests.builders import NOON, ago
from tests.core.test_filters import filter_of
from tests.fakes import FakeClock
from tests.service.chains import EVERYTHING, Reader, chain, history, ids, of, passing
from tests.store.memory import MemoryStore
from tests.store.steps import HOUR, configure, edit_of, poll, story

LINK = "https://a.example/shared"


@pytest.fixture(autouse=True)
def _volumes_of_four(monkeypatch):
    monkeypatch.setattr("aggregator.core.archives.BLOCK", 4)


@pytest.fixture
async def store():
    store = MemoryStore()
    await configure(store, "a", "b")
    return store


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request, tmp_path):
    is_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path}/test.db" if is_sqlite else request.getfixturevalue("postgres")


@pytest.fixture
async def database(database_url):
    store = await open_store(database_url)
    yield store
    await store.aclose()


async def polled(store, *names: str, key: str = "a", at=NOON, **changes):
    return await poll(store, key, *(story(name, at=at, **changes) for name in names))


def numbers(count: int, start: int = 0) -> list[str]:
    return [str(n) for n in range(start, start + count)]


def volume(number: int, first: int | None = None) -> Leaf:
    return Leaf(volume=Volume(number=number, first=first))


def names(contents) -> list[str]:
    texts = contents.view._lines.texts
    titles = [texts.get(line.look).entry.content.title for line in contents.lines]
    return [title.removeprefix("Title ") for title in titles]


async def test_b4_the_newest_document_and_its_archive_hold_everything(store):
    await polled(store, *numbers(10))

    found = await chain(history(store), EVERYTHING)

    assert [leaf for leaf, _ in found] == [NEWEST, volume(2), volume(1)]
    assert [names(contents) for _, contents in found] == [
        ["9", "8", "7"],
        ["7", "6", "5", "4"],
        ["3", "2", "1", "0"],
    ]


async def test_b4_volumes_are_in_first_seen_order_and_not_by_date(store):
    for n in range(8):
        await polled(store, str(n), at=ago(days=(3 * n) % 8))

    contents = await history(store).open(EVERYTHING, NEWEST)
    assert set(contents.neighbours) == {"prev-archive", "first", "next", "last"}
    opened = [await history(store).open(EVERYTHING, volume(n)) for n in (1, 2)]

    assert [names(each) for each in opened] == [
        ["3", "2", "1", "0"],
        ["7", "6", "5", "4"],
    ]


async def test_b4_a_back_dated_entry_goes_into_the_open_volume(store):
    await polled(store, *numbers(5))
    opened = history(store)
    before = dict(await chain(opened, EVERYTHING))
    await polled(store, "old", at=ago(days=400))
    after = await chain(opened, EVERYTHING)

    assert [leaf for leaf, _ in after] == [NEWEST, volume(2, 2), volume(1)]
    assert names(after[1][1]) == ["old", "4"]
    assert ids(after[2][1]) == ids(before[volume(1)])


async def test_b4_what_a_named_part_of_the_open_volume_holds_stays_the_same(store):
    opened = history(store)
    await polled(store, *numbers(5))
    await polled(store, "old", at=ago(days=400))
    await chain(opened, EVERYTHING)
    early = await opened.open(EVERYTHING, volume(2, 2))
    await polled(store, *numbers(9, start=5))
    await chain(opened, EVERYTHING)
    late = await opened.open(EVERYTHING, volume(2, 2))

    assert ids(late) == ids(early)
    assert late.neighbours == {"prev-archive": volume(1), "next-archive": volume(3)}


async def test_b4_the_oldest_volume_has_none_before_it_and_the_newest_none_behind(store):
    await polled(store, *numbers(13))
    opened = history(store)
    await chain(opened, EVERYTHING)

    relations = {n: (await opened.open(EVERYTHING, volume(n))).neighbours for n in (1, 2, 3)}

    assert relations == {
        1: {"next-archive": volume(2)},
        2: {"prev-archive": volume(1), "next-archive": volume(3)},
        3: {"prev-archive": volume(2)},
    }


async def test_b4_a_feed_without_archive_names_none(store):
    await polled(store, *numbers(3))

    assert (await history(store).open(EVERYTHING, NEWEST)).neighbours == {}


async def test_b4_what_is_dropped_ends_the_chain_and_no_address_gets_other_entries(database):
    store = database
    await configure(store, "a")
    for n in range(13):
        await polled(store, str(n), at=ago(days=100 - n))
    opened = history(store)
    before = dict(await chain(opened, EVERYTHING))
    await store.prune(before=ago(days=94), keep_per_source=0, now=NOON)
    after = dict(await chain(opened, EVERYTHING))

    assert list(after) == [NEWEST, volume(3), volume(2)]
    assert after[volume(2)].neighbours == {"next-archive": volume(3)}
    assert set(ids(after[volume(2)])) < set(ids(before[volume(2)]))
    with pytest.raises(UnknownPublication):
        await opened.open(EVERYTHING, volume(1))


@pytest.mark.parametrize("leaf", [volume(3), volume(2, 3), volume(2), volume(10**9)])
async def test_there_is_no_volume_before_it_is_full(store, leaf):
    await polled(store, *numbers(6))
    opened = history(store)
    await chain(opened, EVERYTHING)

    with pytest.raises(UnknownPublication):
        await opened.open(EVERYTHING, leaf)


async def test_each_source_has_an_archive_of_its_own(store):
    await polled(store, *numbers(5))
    await polled(store, *(f"b{n}" for n in range(9)), key="b")
    opened = history(store)

    found = await chain(opened, of("b"))

    assert len(found) == 3
    assert {name[0] for _, each in found for name in names(each)} == {"b"}
    assert len(ids(await opened.open(of("a"), volume(1)))) == 4  # whatever is asked for first


async def test_a_story_that_another_source_opened_comes_in_late_and_is_not_lost(store):
    await polled(store, "1", link=LINK, at=ago(days=50))
    await polled(store, *(f"b{n}" for n in range(9)), key="b")
    opened, reader = history(store), Reader()
    await reader.come(opened, of("b"))

    await poll(store, "b", story("late", link=LINK, at=ago(days=50)))
    await reader.come(opened, of("b"))

    assert reader.got == await passing(store, of("b"), now=NOON)


async def test_an_edit_that_a_filter_lets_through_is_not_lost(store):
    filters = Filters(everywhere=filter_of(exclude=("title: hidden",)))
    claimed = await poll(store, "a", item := story("hidden", at=ago(days=50), title="hidden"))
    await polled(store, *numbers(9))
    opened, reader = history(store, filters=filters), Reader()
    await reader.come(opened, EVERYTHING)
    assert len(reader.got) == 9

    edit = await edit_of(store, claimed, item, title="Shown")
    await poll(store, "a", edited=(edit,))
    await reader.come(opened, EVERYTHING)

    assert len(reader.got) == 10


async def test_what_time_lets_through_is_not_lost(store):
    filters = Filters(everywhere=filter_of(include=("age > 1d",)))
    clock = FakeClock()
    await polled(store, "old", at=clock.now() - timedelta(days=3))
    await polled(store, *numbers(9), at=clock.now())
    opened, reader = history(store, clock=clock, filters=filters), Reader()
    await reader.come(opened, EVERYTHING)
    assert len(reader.got) == 1

    clock.pass_(days=2)
    await reader.come(opened, EVERYTHING)

    assert len(reader.got) == 10


async def test_other_rules_bring_what_they_let_through(store):
    await polled(store, *numbers(9))
    strict = Filters(everywhere=filter_of(exclude=("title: 1", "title: 2")))
    opened, reader = history(store, filters=strict), Reader()
    await reader.come(opened, EVERYTHING)
    assert len(reader.got) == 7

    loose = history(store)
    await reader.come(loose, EVERYTHING)

    assert reader.got == await passing(store, EVERYTHING, now=NOON)


async def test_what_max_age_and_max_per_source_let_go_of_stays_in_the_archive(store):
    await polled(store, *numbers(9), at=ago(days=1))
    fickle = replace(EVERYTHING, max_per_source=2, max_age=timedelta(hours=1))

    found = await chain(history(store), fickle)

    assert ids(found[0][1]) == []
    assert len({each for _, contents in found for each in ids(contents)}) == 9


async def test_an_archive_that_lags_behind_is_not_named_and_catches_up(store, monkeypatch):
    monkeypatch.setattr("aggregator.service.archives.archiving.LOOK", 2)
    monkeypatch.setattr("aggregator.service.archives.archiving.BATCH", 3)
    clock = FakeClock()
    await polled(store, *numbers(30))
    opened = history(store, clock=clock)
    early = await opened.open(EVERYTHING, NEWEST)
    await opened.open(of("a"), NEWEST)

    await opened.archiving.catch_up()

    assert "prev-archive" not in early.neighbours
    assert early.until == clock.now() + timedelta(seconds=5)
    for publication in (EVERYTHING, of("a")):
        late = await opened.open(publication, NEWEST)
        assert (late.neighbours["prev-archive"], late.until) == (volume(7), None)
        found = await chain(opened, publication)
        assert len({each for _, contents in found for each in ids(contents)}) == 30


async def test_configured_feeds_have_archives_before_anybody_asks(store):
    await polled(store, *numbers(9))
    opened = history(store)

    await opened.archiving.catch_up()

    assert len(ids(await opened.open(EVERYTHING, volume(1)))) == 4


async def test_a_database_that_takes_nothing_costs_the_archive_and_not_the_feed(store, monkeypatch):
    async def refuse(*_, **__):
        raise StoreError("disk full")

    await polled(store, *numbers(9))
    monkeypatch.setattr(store, "extend_archive", refuse)

    contents = await history(store).open(EVERYTHING, NEWEST)

    assert len(ids(contents)) == 3
    assert "prev-archive" not in contents.neighbours


async def test_two_processes_make_the_same_volumes(tmp_path):
    url = f"sqlite:///{tmp_path}/test.db"
    stores = [await open_store(url) for _ in range(2)]
    await configure(stores[0], "a")
    both = [history(store) for store in stores]
    for n in range(6):
        await polled(stores[0], *numbers(3, start=3 * n))
        await asyncio.gather(*(each.open(EVERYTHING, NEWEST) for each in both))
    one, other = [await chain(each, EVERYTHING) for each in both]

    assert [(leaf, ids(each)) for leaf, each in one] == [(leaf, ids(each)) for leaf, each in other]
    assert len({id for _, each in one for id in ids(each)}) == 18
    for store in stores:
        await store.aclose()


async def test_b4_pages_go_from_the_first_to_the_last_without_gaps(store):
    await polled(store, *numbers(11))
    opened = history(store)
    leaf: Leaf | None = NEWEST
    found, pages = [], []
    while leaf is not None:
        contents = await opened.open(EVERYTHING, leaf)
        found += names(contents)
        pages.append({rel: to for rel, to in contents.neighbours.items() if "arch" not in rel})
        leaf = contents.neighbours.get("next")

    assert found == numbers(11)[::-1]
    last = Leaf(page=4)
    assert pages == [
        {"first": NEWEST, "next": Leaf(page=2), "last": last},
        {"first": NEWEST, "previous": NEWEST, "next": Leaf(page=3), "last": last},
        {"first": NEWEST, "previous": Leaf(page=2), "next": Leaf(page=4), "last": last},
        {"first": NEWEST, "previous": Leaf(page=3), "last": last},
    ]


async def test_pages_follow_a_first_one_that_is_longer(store):
    for n in range(11):
        await polled(store, str(n), at=ago(hours=40 - n))
    wide = replace(EVERYTHING, window=timedelta(hours=4))
    opened = history(store)

    pages = [names(await opened.open(wide, Leaf(page=n))) for n in (1, 2, 3)]

    assert pages == [["10", "9", "8", "7", "6"], ["5", "4", "3"], ["2", "1", "0"]]
    with pytest.raises(UnknownPublication):
        await opened.open(wide, Leaf(page=4))


async def test_pages_of_what_filters_leave_hold_just_that(store):
    filters = Filters(everywhere=filter_of(exclude=("title: 1",)))
    await polled(store, *numbers(9))
    opened = history(store, filters=filters)

    pages = [await opened.open(EVERYTHING, Leaf(page=n)) for n in (1, 2, 3)]

    assert [names(page) for page in pages] == [
        ["8", "7", "6"],
        ["5", "4", "3"],
        ["2", "0"],
    ]
    assert "last" not in pages[0].neighbours  # to count what passes costs more than it is worth
    assert pages[1].neighbours["last"] == Leaf(page=3)


async def test_what_is_asked_for_on_the_spot_has_no_archive(store):
    await polled(store, *numbers(9))
    searched = replace(EVERYTHING, path="search", query=(("q", "x"),))

    contents = await history(store).open(searched, NEWEST)

    assert "prev-archive" not in contents.neighbours
    assert contents.until is None


EVENTS = st.tuples(
    st.sampled_from(["new", "new", "new", "old", "shared", "edit", "come", "many", "leave"]),
    st.sampled_from("ab"),
    st.integers(0, 5),
)
FILTERS = Filters(everywhere=filter_of(exclude=("title: hidden",)))
FEEDS = (
    EVERYTHING,
    of("a"),
    of("b", filter=filter_of(include=("title: Title", "title: Shown"))),
)


class Story:
    """What happens to a store, event by event."""

    def __init__(self, store) -> None:
        self.store = store
        self.count = 0
        self.hidden: list[Any] = []

    def new(self, **changes):
        self.count += 1
        return story(f"n{self.count}", **{"at": NOON + timedelta(minutes=self.count), **changes})

    async def happen(self, kind: str, key: str, n: int) -> None:
        at = NOON + timedelta(minutes=self.count)
        if kind == "new":
            await poll(self.store, key, self.new(), at=at)
        elif kind == "many":
            await poll(self.store, key, *(self.new() for _ in range(3 + n)), at=at)
        elif kind == "old":
            await poll(self.store, key, self.new(at=ago(days=9 + n)), at=at)
        elif kind == "shared":
            link = f"https://a.example/shared{n}"
            await poll(self.store, key, self.new(link=link, title="Title shared", at=ago(days=n)))
        elif kind == "leave":
            item = self.new(title="hidden one", at=ago(days=n))
            self.hidden.append((await poll(self.store, key, item), item, key))
        elif kind == "edit" and self.hidden:
            claimed, item, its_key = self.hidden.pop()
            edit = await edit_of(self.store, claimed, item, title=f"Shown {self.count}")
            await poll(self.store, its_key, edited=(edit,), at=at + HOUR)


async def everything_is_told(store, events, *, always: bool = True) -> None:
    """Looks after each event, or only when the reader comes."""
    await configure(store, "a", "b")
    opened = history(store, *FEEDS, filters=FILTERS)
    told, readers = Story(store), {feed.path: Reader() for feed in FEEDS}
    known: dict[tuple[str, Leaf], set[str]] = {}
    for kind, key, n in [*events, ("come", "a", 0)]:
        await told.happen(kind, key, n)
        for feed in FEEDS if always or kind == "come" else ():
            expected = await passing(store, feed, FILTERS, now=NOON)
            found = await chain(opened, feed)
            assert {id for _, each in found for id in ids(each)} == expected
            for leaf, each in found[1:]:
                before = known.setdefault((feed.path, leaf), set(ids(each)))
                assert set(ids(each)) == before
            if kind == "come":
                await readers[feed.path].come(opened, feed)
                assert expected <= readers[feed.path].got


@settings(max_examples=40)
@given(st.lists(EVENTS, max_size=14))
def test_b4_nothing_is_lost_whatever_happens(events):
    asyncio.run(everything_is_told(MemoryStore(), events))


async def test_b4_nothing_is_lost_in_a_real_database(database):
    kinds = ["many", "shared", "leave", "old", "edit", "come", "new", "shared", "many", "edit"]
    events = [(kinds[n % 10], "ab"[n % 2], (n * 7) % 6) for n in range(20)]

    await everything_is_told(database, events, always=False)


def test_lasting_conditions_are_those_that_an_entry_alone_decides():
    fickle = replace(EVERYTHING, max_per_source=2, max_age=HOUR)

    assert lastingly(fickle) == EVERYTHING
