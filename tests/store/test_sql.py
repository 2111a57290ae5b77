"""What a real database adds to the contract: several processes, broken transactions, bad values."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select, text

from aggregator.core.errors import StoreError
from aggregator.core.memory import Memory
from aggregator.core.model import Enclosure, EntryChanges
from aggregator.core.rhythm import Sighting, learn
from aggregator.core.wire import Validators
from aggregator.service.ports import Selection
from aggregator.store import grouping, saving
from aggregator.store.engine import connect
from aggregator.store.marks import MOST_HOLDERS
from aggregator.store.schema import entries, metadata
from aggregator.store.sql import open_store
from tests.builders import NOON, ago
from tests.patience import PATIENCE
from tests.store.steps import (
    EVERYTHING,
    HOUR,
    claim_due,
    claim_one,
    configure,
    edit_of,
    health,
    keys,
    poll,
    record,
    spec,
    story,
    titles,
    unsafe,
)

LINK = "https://a.example/shared"
LONG = " ".join(f"word{letter}{other}" for letter in "abcdefgh" for other in "abcdefgh")
LONE_SURROGATE = "a\ud800b"


async def test_two_processes_never_claim_the_same_source(sql_store, second_store):
    sources = [spec(f"s{n}") for n in range(60)]
    await configure(sql_store, *sources)

    claimed: list[str] = []
    while len(claimed) < len(sources):
        claims = await asyncio.gather(
            *(claim_due(store, limit=7) for store in (sql_store, second_store) * 3)
        )
        found = [key for claim in claims for key in keys(claim)]
        assert found
        claimed += found

    assert sorted(claimed) == sorted(source.key for source in sources)


async def test_polls_of_one_story_side_by_side_make_one_story(sql_store, second_store):
    names = [f"s{n}" for n in range(12)]
    await configure(sql_store, *names)

    await asyncio.gather(
        *(
            poll((sql_store, second_store)[n % 2], name, story(name, link=LINK), story(f"own{n}"))
            for n, name in enumerate(names)
        )
    )

    everything = await sql_store.stories(EVERYTHING, limit=100)
    (shared,) = [shown for shown in everything if shown.also_in]
    assert len(everything) == 1 + len(names)
    assert {shared.source.key, *(source.key for source in shared.also_in)} == set(names)


async def test_polls_and_configurations_side_by_side_do_not_block_each_other(
    sql_store, second_store
):
    names = [f"s{n}" for n in range(8)]
    await configure(sql_store, *names)

    async with asyncio.timeout(PATIENCE):
        ended = await asyncio.gather(
            *(poll(sql_store, name, story(name)) for name in names),
            *(configure(second_store, *names, f"more{n}") for n in range(8)),
            *(second_store.claim(None, lease_until=NOON) for _ in range(3)),
            return_exceptions=True,  # a poll that loses its lease to the others is no matter here
        )

    assert [error for error in ended if isinstance(error, StoreError)] == []


async def test_many_sources_at_once_are_locked_in_one_order(sql_store, second_store):
    names = [f"s{n:02}" for n in range(30)]
    await configure(sql_store, *names)
    ids = []
    for n, name in enumerate(reversed(names)):  # their rows are in no order to go by now
        claimed = await claim_one(sql_store, name)
        await sql_store.save_poll(record(claimed.lease, failures=99 * (n % 2)))
        ids.append(claimed.lease.source_id)
    sooner = dict.fromkeys(names, HOUR / 2)

    async with asyncio.timeout(PATIENCE):
        ended = await asyncio.gather(
            *(sql_store.claim(None, lease_until=NOON + HOUR) for _ in range(10)),
            *(second_store.forgive(ids, at=NOON + HOUR, reason="forgiven") for _ in range(10)),
            *(second_store.hasten(sooner, now=NOON, reason="sooner") for _ in range(10)),
            return_exceptions=True,
        )

    assert [error for error in ended if isinstance(error, StoreError)] == []


async def test_what_ends_in_the_middle_leaves_nothing_behind(sql_store, database_url):
    await configure(sql_store, "a")
    claimed = await claim_one(sql_store, "a")
    before = await sql_store.revision()
    changes = replace(record(claimed.lease).changes, new=(story("1"),), left_out=(b"x" * 16,))
    whole = record(claimed.lease, read=True, changes=changes, failures=9)
    database = connect(database_url)

    def die_before_commit(connection):
        assert saving.save_polls(connection, [whole], str) == [True]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(die_before_commit)
    await database.aclose()

    assert await titles(sql_store) == []
    assert (await health(sql_store, "a")).failures == 0
    assert await sql_store.revision() == before
    known = await sql_store.known(claimed.lease.source_id, [b"x" * 16], [])
    assert known.tombstones == frozenset()
    assert await sql_store.save_poll(whole)
    assert await titles(sql_store) == ["Title 1"]


@pytest.mark.parametrize("turns", [0, 1, 5, 20, 50, 100, 200])
async def test_a_cancelled_poll_leaves_nothing_half_done_and_blocks_nobody(sql_store, turns):
    await configure(sql_store, "a")
    claimed = await claim_one(sql_store, "a")
    changes = replace(record(claimed.lease).changes, new=tuple(map(story, map(str, range(50)))))
    saving = asyncio.create_task(
        sql_store.save_poll(record(claimed.lease, read=True, changes=changes))
    )
    for _ in range(turns):
        await asyncio.sleep(0)
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)

    assert len(await titles(sql_store)) in {0, 50}
    await poll(sql_store, "a", story("after"))
    assert "Title after" in await titles(sql_store)


POISON = {
    "NUL": {"title": "a\x00b"},
    "lone surrogate": {"title": LONE_SURROGATE},
    "noncharacter": {"title": "\uffff"},
    "surrogate in the text": {"content_html": LONE_SURROGATE},
    "NUL in the link": {"link": "https://a.example/\x00"},
    "NUL in a category": {"categories": ("\x00", LONE_SURROGATE)},
    "length of 64 bits": {"enclosures": (Enclosure(url="x", length=2**63),)},
    "length of 5000 digits": {"enclosures": (Enclosure(url="x", length=10**5000),)},
    "megabytes": {"text": "x" * 5_000_000},
}


@pytest.mark.parametrize("bad", POISON.values(), ids=POISON)
async def test_a_bad_value_does_not_take_its_siblings_with_it(sql_store, bad):
    await configure(sql_store, "a")
    await poll(sql_store, "a", story("1"), unsafe(story("bad"), **bad), story("2"))

    assert {"Title 1", "Title 2"} <= set(await titles(sql_store))
    await titles(sql_store, Selection(search="x"))


DATES = {
    "before the year 1 in UTC": datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    "after the year 9999 in UTC": datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    "naive": datetime(2026, 1, 1),  # noqa: DTZ001  # on purpose
}


@pytest.mark.parametrize("date", DATES.values(), ids=DATES)
async def test_no_date_makes_a_listing_fail(sql_store, date):
    await configure(sql_store, "a")
    odd = replace(story("odd"), published=date, updated=date)
    await poll(sql_store, "a", story("1"), odd, story("2"))

    assert {"Title 1", "Title 2"} <= set(await titles(sql_store))


@pytest.mark.parametrize("guid", ["a\x00b", LONE_SURROGATE, "\uffff", "x" * 1_000_000])
async def test_no_guid_takes_its_siblings_with_it(sql_store, guid):
    await configure(sql_store, "a")
    item = story("odd")
    odd = replace(item, entry=replace(item.entry, guid=guid))
    await poll(sql_store, "a", story("1"), odd, story("2"))

    assert {"Title 1", "Title 2"} <= set(await titles(sql_store))


async def test_a_refused_entry_is_told_of_and_leaves_no_empty_story(sql_store, database_url):
    await configure(sql_store, "a")
    await poll(sql_store, "a", unsafe(story("bad"), title=LONE_SURROGATE), story("1"))

    assert "refused 1 of 2 entries" in ((await health(sql_store, "a")).last_error or "")
    assert await rows(database_url, "stories") == await rows(database_url, "entries") == 1
    await poll(sql_store, "a", story("bad"))
    assert sorted(await titles(sql_store)) == ["Title 1", "Title bad"]
    assert (await health(sql_store, "a")).last_error is None


async def test_of_a_document_with_a_refused_entry_nothing_is_remembered(sql_store):
    """It is read whole next time, so that the entry is tried, and told of, again."""
    await configure(sql_store, "a")
    memory = Memory(reading=b"reading1", head=1)
    claimed = await claim_one(sql_store, "a")
    new = (unsafe(story("bad"), title=LONE_SURROGATE), story("1"))
    changes = EntryChanges(new=new)

    await sql_store.save_poll(record(claimed.lease, read=True, changes=changes, memory=memory))

    assert await sql_store.remembered(claimed.lease.source_id) is None


async def test_a_refused_edit_leaves_the_others(sql_store):
    await configure(sql_store, "a")
    items = [story("1"), story("2")]
    claimed = await poll(sql_store, "a", *items)
    edits = [
        await edit_of(sql_store, claimed, item, title=title)
        for item, title in zip(items, (LONE_SURROGATE, "Edited"), strict=True)
    ]
    await poll(sql_store, "a", edited=tuple(edits))

    assert await titles(sql_store) == ["Edited", "Title 1"]


async def test_a_guid_that_another_entry_bears_is_not_given_away(sql_store):
    await configure(sql_store, "a")
    items = [story("1"), story("2"), story("3")]
    claimed = await poll(sql_store, "a", *items)
    known = await sql_store.known(claimed.lease.source_id, [i.entry.digest for i in items], [])
    ids = [known.by_digest[item.entry.digest].id for item in items]
    moves = ((ids[0], items[1].entry), (ids[2], story("4").entry))
    await poll(sql_store, "a", migrated=moves)

    guids = sorted(shown.guid for shown in await sql_store.stories(EVERYTHING, limit=10))
    assert guids == ["guid-1", "guid-2", "guid-4"]


async def test_an_error_text_with_odd_characters_is_saved(sql_store):
    await configure(sql_store, "a")
    lease = (await claim_one(sql_store, "a")).lease

    assert await sql_store.save_poll(record(lease, error=f"\x00{LONE_SURROGATE}", failures=1))
    assert (await health(sql_store, "a")).last_error == "ab"


async def test_a_guid_whose_id_is_held_by_its_own_past_gets_another_id(sql_store):
    await configure(sql_store, "a")
    item = story("1")
    claimed = await poll(sql_store, "a", item)
    known = await sql_store.known(claimed.lease.source_id, [item.entry.digest], [])
    moved = known.by_digest[item.entry.digest].id
    await poll(sql_store, "a", migrated=((moved, story("moved").entry),))
    await poll(sql_store, "a", item)

    assert len({shown.id for shown in await sql_store.stories(EVERYTHING, limit=10)}) == 2


async def test_pruning_drops_what_is_old_beyond_what_each_source_keeps(sql_store):
    await configure(sql_store, "a", "b")
    await poll(sql_store, "a", *(story(f"a{n}", at=ago(days=100 - n)) for n in range(5)))
    await poll(sql_store, "b", story("b0", at=ago(days=100)), story("b1", at=ago(days=1)))
    late = replace(story("late", at=ago(days=200)), first_seen=NOON)
    claimed = await poll(sql_store, "a", late)
    before = await sql_store.revision()

    assert await sql_store.prune(before=ago(days=90), keep_per_source=2, now=NOON) == 3
    assert sorted(await titles(sql_store)) == [
        "Title a3",
        "Title a4",
        "Title b0",
        "Title b1",
        "Title late",
    ]
    assert (await sql_store.revision()).number > before.number
    digests = [story(name).entry.digest for name in ("a0", "a4")]
    known = await sql_store.known(claimed.lease.source_id, digests, [])
    assert known.tombstones == {digests[0]}
    assert await sql_store.prune(before=ago(days=90), keep_per_source=2, now=NOON) == 0


async def test_pruning_works_in_batches_and_may_keep_nothing(sql_store, database_url):
    await configure(sql_store, "a")
    await poll(sql_store, "a", *(story(str(n), at=ago(days=100)) for n in range(1100)))

    assert await sql_store.prune(before=ago(days=90), keep_per_source=0, now=NOON) == 1100
    assert await rows(database_url, "stories") == await rows(database_url, "entries") == 0
    assert await rows(database_url, "tombstones") == 1100
    await poll(sql_store, "a", story("1"), story("new"))
    assert await titles(sql_store) == ["Title new"]


async def test_a_story_whose_lead_is_pruned_goes_on_under_its_id(sql_store):
    await configure(sql_store, "a", "b")
    await poll(sql_store, "a", story("1", link=LINK, at=ago(days=100)), at=ago(days=100))
    await poll(sql_store, "b", story("2", link=LINK), at=NOON)
    (before,) = await sql_store.stories(EVERYTHING, limit=10)

    assert await sql_store.prune(before=ago(days=90), keep_per_source=0, now=NOON) == 1

    (after,) = await sql_store.stories(EVERYTHING, limit=10)
    assert (before.source.key, [source.key for source in before.also_in]) == ("a", ["b"])
    assert (after.source.key, after.also_in, after.content.title) == ("b", (), "Title 2")
    assert after.id == before.id


async def test_of_what_is_pruned_its_mark_alone_is_left_and_outlives_a_restart(
    sql_store, database_url
):
    await configure(sql_store, "a")
    item = story("1", at=ago(days=100))
    claimed = await poll(sql_store, "a", item)
    await poll(sql_store, "a", edited=(await edit_of(sql_store, claimed, item, title="x"),))
    await sql_store.prune(before=ago(days=90), keep_per_source=0, now=NOON)

    again = await open_store(database_url)
    known = await again.known(claimed.lease.source_id, [item.entry.digest], [])
    await poll(again, "a", item)
    shown = await titles(again)
    await again.aclose()

    assert known.tombstones == {item.entry.digest}
    assert not shown
    assert len(item.entry.digest) == 16
    assert await rows(database_url, "edits") == await rows(database_url, "entries") == 0


async def rows(database_url: str, table: str) -> int:
    database = connect(database_url)
    counting = select(func.count()).select_from(metadata.tables[table])
    count = await database.read(lambda connection: connection.scalar(counting))
    await database.aclose()
    assert count is not None
    return count


async def test_what_was_learned_of_a_source_goes_with_its_entries(sql_store):
    await configure(sql_store, "a")
    await poll(sql_store, "a", story("1", at=ago(days=100)))
    claimed = await claim_one(sql_store, "a")
    await sql_store.save_poll(record(claimed.lease, habits=learn([Sighting(NOON)], NOON)))
    before = await claim_one(sql_store, "a")
    await sql_store.prune(before=ago(days=90), keep_per_source=0, now=NOON)

    assert before.habits is not None
    assert (await claim_one(sql_store, "a")).habits is None


async def test_an_id_is_never_given_to_another_entry(sql_store):
    await configure(sql_store, "a")
    claimed = await poll(sql_store, "a", story("1", at=ago(days=100)))
    source_id = claimed.lease.source_id
    old = await sql_store.known(source_id, [story("1").entry.digest], [])
    await sql_store.prune(before=ago(days=90), keep_per_source=0, now=NOON)
    await poll(sql_store, "a", story("2"))
    new = await sql_store.known(source_id, [story("2").entry.digest], [])

    assert {e.id for e in old.by_digest.values()}.isdisjoint(e.id for e in new.by_digest.values())


async def test_leases_outlive_the_process_that_held_them(sql_store, second_store):
    await configure(sql_store, "a")
    await claim_due(sql_store)
    await sql_store.aclose()

    assert await claim_due(second_store) == []
    assert keys(await claim_due(second_store, NOON + HOUR)) == ["a"]


def long_story(name: str, host: str = "a.example", **changes):
    return story(name, title="T", text=LONG, link=f"https://{host}/{name}", **changes)


async def test_why_an_entry_is_in_its_story_is_kept(sql_store, database_url):
    await configure(sql_store, "a", "b", "c")
    await poll(sql_store, "a", long_story("1"))
    await poll(sql_store, "b", long_story("2", "b.example"))
    await poll(sql_store, "c", story("3", link="https://a.example/1"))

    database = connect(database_url)
    reasons = select(entries.c.joined_by).order_by(entries.c.id)
    why = await database.read(lambda connection: list(connection.scalars(reasons)))
    await database.aclose()
    assert why == ["alone", "text", "link"]


async def test_marks_go_with_their_entries(sql_store, database_url):
    await configure(sql_store, "a")
    item = long_story("1", at=ago(days=100))
    claimed = await poll(sql_store, "a", item)
    assert await rows(database_url, "marks") == 4
    await poll(sql_store, "a", edited=(await edit_of(sql_store, claimed, item, text="short"),))
    assert await rows(database_url, "marks") == 0
    await poll(sql_store, "a", edited=(await edit_of(sql_store, claimed, item, text=LONG),))
    assert await rows(database_url, "marks") == 4
    await sql_store.prune(before=ago(days=90), keep_per_source=0, now=NOON)
    assert await rows(database_url, "marks") == await rows(database_url, "entries") == 0


async def test_boilerplate_is_marked_so_many_times_and_no_more(sql_store, database_url):
    await configure(sql_store, "a", "b")
    await poll(sql_store, "a", *(long_story(str(n)) for n in range(30)))
    await poll(sql_store, "b", *(long_story(str(n), "b.example") for n in range(30)))

    assert await rows(database_url, "marks") == 4 * MOST_HOLDERS
    assert await rows(database_url, "stories") == 60


async def test_a_refused_entry_has_no_marks(sql_store, database_url):
    await configure(sql_store, "a")
    await poll(sql_store, "a", unsafe(long_story("bad"), title=LONE_SURROGATE), story("1"))

    assert await rows(database_url, "marks") == 0
    assert await rows(database_url, "entries") == 1


async def test_an_odd_long_text_takes_no_sibling_with_it(sql_store):
    await configure(sql_store, "a", "b")
    odd = unsafe(long_story("odd"), text=LONG + LONE_SURROGATE + "\x00")
    await poll(sql_store, "a", story("1"), odd)
    await poll(sql_store, "b", long_story("2", "b.example"), story("3"))

    assert sorted(await titles(sql_store))[-3:] == ["T", "Title 1", "Title 3"]


async def test_polls_that_are_saved_together_share_a_transaction(sql_store, database_url):
    names = [f"s{n}" for n in range(20)]
    await configure(sql_store, *names)
    claimed = await sql_store.claim(names, lease_until=NOON + HOUR)
    commits = Commits(sql_store)

    saved = await asyncio.gather(*(sql_store.save_poll(record(one.lease)) for one in claimed))

    assert saved == [True] * 20
    assert commits.count == 1
    assert await rows(database_url, "polls") == 20


async def test_what_polls_bring_that_are_saved_together_is_found_and_moves_one_revision(sql_store):
    names = ["a", "b", "c"]
    await configure(sql_store, *names)
    claimed = await sql_store.claim(names, lease_until=NOON + HOUR)
    before = await sql_store.revision()

    await asyncio.gather(
        *(
            sql_store.save_poll(
                record(
                    one.lease,
                    polled_at=ago(hours=-n),
                    read=True,
                    changes=EntryChanges(new=(story(f"{n}", text=f"only{n}"), story(f"also{n}"))),
                )
            )
            for n, one in enumerate(claimed)
        )
    )

    after = await sql_store.revision()
    assert (after.number, after.changed_at) == (before.number + 1, ago(hours=-2))
    for n in range(3):
        assert await titles(sql_store, Selection(search=f"only{n}")) == [f"Title {n}"]


class Commits:
    """Counts the transactions of a store that write."""

    def __init__(self, store):
        self.count = 0
        self._write = store._database.write
        store._database.write = self

    async def __call__(self, *args, **kwargs):
        self.count += 1
        return await self._write(*args, **kwargs)


async def test_a_poll_that_cannot_be_saved_does_not_take_the_others_of_its_group_with_it(sql_store):
    names = ["a", "b", "c", "d"]
    await configure(sql_store, *names)
    claimed = {one.key: one.lease for one in await sql_store.claim(names, lease_until=NOON + HOUR)}
    lost = replace(claimed["c"], token="another's")
    bad = record(claimed["b"], validators=Validators(etag=LONE_SURROGATE), failures=7)
    good = (record(claimed["a"], failures=7), record(claimed["d"], failures=7))

    outcomes = await asyncio.gather(
        *map(sql_store.save_poll, (good[0], bad, record(lost), good[1])), return_exceptions=True
    )

    assert [outcomes[n] for n in (0, 2, 3)] == [True, False, True]
    assert isinstance(outcomes[1], StoreError | UnicodeEncodeError)
    assert [(await health(sql_store, name)).failures for name in names] == [7, 0, 0, 7]


async def test_of_two_polls_under_one_lease_the_first_is_saved(sql_store):
    await configure(sql_store, "a")
    lease = (await claim_one(sql_store, "a")).lease
    twice = (record(lease, failures=1), record(lease, failures=2))

    assert await asyncio.gather(*map(sql_store.save_poll, twice)) == [True, False]
    assert (await health(sql_store, "a")).failures == 1


async def test_a_memory_that_stays_as_it_is_is_not_written(postgres):
    """PostgreSQL tells which transaction wrote a row."""
    store = await open_store(postgres)
    await configure(store, "a")
    writers = []
    for reading in (b"reading1", b"reading1", b"reading2"):
        claimed = await claim_one(store, "a")
        memory = Memory(reading=reading, head=1)
        await store.save_poll(record(claimed.lease, read=True, memory=memory))
        writers.append(await store._database.read(_writer_of_the_memory))
    await store.aclose()

    assert writers[0] == writers[1] != writers[2]


def _writer_of_the_memory(connection):
    return connection.scalar(text("SELECT CAST(xmin AS TEXT) FROM documents"))


async def test_nobody_waits_for_sources_that_could_not_be_given_back(sql_store, monkeypatch):
    monkeypatch.setattr(grouping, "WINDOW", 10 * PATIENCE)

    async def fails(*_, **__):
        raise StoreError("the server is gone")

    await configure(sql_store, "a", "b")
    claimed = await sql_store.claim(["a", "b"], lease_until=NOON + HOUR)
    with monkeypatch.context() as failing:
        failing.setattr(sql_store._database, "write", fails)
        with pytest.raises(StoreError):
            await sql_store.release([claimed[1].lease])

    async with asyncio.timeout(PATIENCE):
        for _ in range(2):
            (again,) = await sql_store.claim(["a"], lease_until=NOON + HOUR)
            assert await sql_store.save_poll(record(again.lease))
