"""The contract of who fetches our feeds: what is kept of them, and for how long."""

from dataclasses import replace
from datetime import datetime

from aggregator.core.subscribers import FeedReader
from tests.builders import NOON, ago
from tests.store.steps import HOUR

LONG_AGO = ago(days=1000)


def reader(name: str = "a", *, group: str = "g", seen: datetime = NOON, **changes) -> FeedReader:
    reader = FeedReader(
        group=group.encode() * 16,
        member=name.encode() * 16,
        told=None,
        first_seen_at=ago(days=2, microseconds=1),
        last_seen_at=seen,
    )
    return replace(reader, **changes)


async def kept(store, since: datetime = LONG_AGO) -> list[FeedReader]:
    return sorted(
        await store.readers(since=since), key=lambda reader: (reader.group, reader.member)
    )


async def test_readers_read_back_as_they_were_saved(store):
    seen = [reader("a"), reader("a", group="h", told=1_000_000), reader("b", told=0)]
    await store.save_readers(seen)

    assert await kept(store) == [seen[0], seen[2], seen[1]]


async def test_who_comes_again_keeps_the_time_of_the_first_visit(store):
    await store.save_readers([reader(told=3)])
    again = reader(told=4, first_seen_at=NOON, seen=NOON + HOUR)
    await store.save_readers([again])

    assert await kept(store) == [replace(again, first_seen_at=reader().first_seen_at)]


async def test_nobody_can_be_saved_too(store):
    await store.save_readers([])

    assert await kept(store) == []


async def test_readers_are_asked_for_since_a_time(store):
    await store.save_readers([reader("a", seen=ago(days=3)), reader("b", seen=ago(days=2))])

    assert [each.member for each in await kept(store, since=ago(days=2))] == [b"b" * 16]


async def test_who_has_left_is_forgotten(store):
    await store.save_readers([reader("a", seen=ago(days=8)), reader("b", seen=ago(days=7))])
    await store.forget_readers(before=ago(days=7), keep=100)

    assert [each.member for each in await kept(store)] == [b"b" * 16]


async def test_of_too_many_those_seen_last_are_kept(store):
    seen = [reader(name, seen=ago(hours=hours)) for hours, name in enumerate("abcde")]
    await store.save_readers(seen)
    await store.forget_readers(before=ago(days=7), keep=2)

    assert await kept(store) == seen[:2]


async def test_ten_thousand_at_once_are_no_matter(store):
    seen = [reader(member=number.to_bytes(16, "big")) for number in range(10_000)]
    await store.save_readers(seen)

    assert await kept(store) == seen
