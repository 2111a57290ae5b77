"""Who writes at the same time writes together."""

import asyncio

import pytest

from aggregator.store import grouping
from aggregator.store.grouping import Groups
from tests.patience import PATIENCE, turns


class Desk:
    """Takes groups of words, and keeps them."""

    def __init__(self, expected=1):
        self.written = []
        self.under_way = 0
        self.free = asyncio.Event()
        self.free.set()
        self.groups = Groups(self.write, weight=len, expected=lambda: expected)

    async def write(self, words):
        self.under_way += 1
        assert self.under_way == 1
        await self.free.wait()
        self.under_way -= 1
        self.written.append(list(words))
        if "fatal" in words:
            raise ValueError("fatal")
        return [KeyError(word) if word == "bad" else word.upper() for word in words]

    async def add_all(self, *words):
        return await asyncio.gather(*map(self.groups.add, words), return_exceptions=True)


async def test_what_comes_alone_is_written_at_once(monkeypatch):
    monkeypatch.setattr(grouping, "WINDOW", 10 * PATIENCE)
    desk = Desk()
    async with asyncio.timeout(PATIENCE):
        assert [await desk.groups.add(word) for word in "abc"] == ["A", "B", "C"]

    assert desk.written == [["a"], ["b"], ["c"]]


async def test_what_comes_together_is_written_together_in_its_order():
    desk = Desk(expected=99)

    assert await desk.add_all("a", "b", "c") == ["A", "B", "C"]
    assert desk.written == [["a", "b", "c"]]


async def test_what_comes_soon_after_waits_for_more_but_not_for_long(monkeypatch):
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    desk = Desk(expected=99)
    await desk.groups.add("a")
    adding = [asyncio.create_task(desk.groups.add(word)) for word in "bc"]
    await turns()

    assert not any(each.done() for each in adding)
    now += grouping.WINDOW
    assert await asyncio.gather(*adding) == ["B", "C"]
    assert desk.written == [["a"], ["b", "c"]]


async def test_the_last_one_that_is_expected_ends_the_waiting(monkeypatch):
    monkeypatch.setattr(grouping, "WINDOW", 10 * PATIENCE)
    desk = Desk(expected=2)
    await desk.add_all("a", "b")

    async with asyncio.timeout(PATIENCE):
        assert await desk.add_all("c", "d") == ["C", "D"]


async def test_a_full_group_does_not_wait(monkeypatch):
    monkeypatch.setattr(grouping, "WINDOW", 10 * PATIENCE)
    desk = Desk(expected=999)
    await desk.groups.add("a")

    async with asyncio.timeout(PATIENCE):
        await desk.groups.add("x" * grouping.MOST)


async def test_no_group_is_larger_than_it_may_be_but_for_one_item():
    desk = Desk(expected=999)
    half, whole = "x" * (grouping.MOST // 2), "y" * (3 * grouping.MOST)

    await desk.add_all(half, half, half, whole, "z")

    assert desk.written == [[half, half], [half], [whole], ["z"]]


async def test_what_is_refused_is_told_to_whom_it_concerns():
    desk = Desk(expected=99)

    first, bad, last = await desk.add_all("a", "bad", "c")

    assert (first, type(bad), last) == ("A", KeyError, "C")


async def test_a_failure_is_told_to_all_and_the_next_are_written():
    desk = Desk(expected=99)

    told = await desk.add_all("a", "fatal")

    assert [type(each) for each in told] == [ValueError, ValueError]
    assert await desk.groups.add("b") == "B"


async def test_what_was_begun_is_written_though_nobody_waits_any_more():
    desk = Desk(expected=99)
    desk.free.clear()
    adding = asyncio.create_task(desk.groups.add("a"))
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.sleep(0)
    assert not adding.done()
    desk.free.set()

    with pytest.raises(asyncio.CancelledError):
        await adding
    assert desk.written == [["a"]]


def test_nobody_waits_for_ever_when_the_event_loop_ends():
    async def leave_in_the_middle():
        desk = Desk(expected=99)
        desk.free.clear()
        asyncio.create_task(desk.groups.add("a"))  # noqa: RUF006  # the end of the loop ends it
        await asyncio.sleep(0)

    asyncio.run(leave_in_the_middle())
