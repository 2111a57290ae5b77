"""Pages while changes come faster than each can be shown."""

import asyncio
from dataclasses import replace

import pytest

from aggregator.service import paging as pages_in_memory
from aggregator.service.ahead import OLDEST, SAVED, Ahead
from aggregator.service.paging import Paging
from aggregator.service.revisions import Revisions
from tests.builders import read_entry
from tests.service.published import LATEST, catalogue, two_sources
from tests.service.world import World


@pytest.fixture
async def world() -> World:
    return await two_sources()


def paging(world: World, *, used_up: bool) -> Paging:
    """`used_up`: there is no time to show each change at once."""
    clock = world.clock
    ahead, since = Ahead(clock), clock.steady()
    if used_up:
        clock.pass_(seconds=SAVED.total_seconds())
        ahead.spend(since)
    return Paging(world.store, clock, catalogue(), Revisions(world.store, clock), ahead)


async def add_entry(world: World, name: str) -> None:
    world.serves("https://a.example/feed", read_entry(name, link=f"https://a.example/{name}"))
    await world.poll("a")


async def turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_change_now_and_then_is_shown_at_once(world):
    pages = paging(world, used_up=False)
    before = await pages.page(LATEST, 1)
    await add_entry(world, "new")

    assert (await pages.page(LATEST, 1)).etag != before.etag


async def test_in_a_burst_the_last_page_is_shown_and_the_next_one_made_meanwhile(world):
    pages = paging(world, used_up=True)
    first = await pages.page(LATEST, 1)
    await add_entry(world, "new")
    at_once = await pages.page(LATEST, 1)
    world.clock.pass_(seconds=0.6 * OLDEST.total_seconds())
    later = await pages.page(LATEST, 1)
    await turns()
    then = await pages.page(LATEST, 1)

    assert at_once is later is first
    assert then.etag != first.etag


async def test_in_a_burst_nobody_gets_a_page_that_is_too_old(world):
    pages = paging(world, used_up=True)
    first = await pages.page(LATEST, 1)
    await add_entry(world, "new")
    world.clock.pass_(seconds=OLDEST.total_seconds())

    assert (await pages.page(LATEST, 1)).etag != first.etag


async def test_a_page_that_stays_as_it_is_is_kept(world):
    pages = paging(world, used_up=True)
    first = await pages.page(LATEST, 1)
    for _ in range(3):
        world.clock.pass_(seconds=0.6 * OLDEST.total_seconds())
        assert await pages.page(LATEST, 1) is first
        await turns()


async def test_pages_in_memory_take_no_more_room_than_they_may(world, monkeypatch):
    monkeypatch.setattr(pages_in_memory, "MOST_PAGES", 100_000)
    long = read_entry("long", content_html="数" * 10_000)
    world.serves("https://a.example/feed", long)
    await world.poll("a")
    pages = paging(world, used_up=False)
    for number in range(20):  # 20 kB each
        await pages.page(replace(LATEST, path=f"{number}"), 1)

    assert 1 < len(pages._pages._values) < 5
