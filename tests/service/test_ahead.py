"""What is served while changes come faster than each can be shown."""

import asyncio

import pytest

from aggregator.service.ahead import OLDEST, SAVED, Ahead
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ahead(clock) -> Ahead:
    """Whose time is used up."""
    ahead = Ahead(clock)
    since = clock.steady()
    clock.pass_(seconds=SAVED.total_seconds() * 2)
    ahead.spend(since)
    return ahead


class Work:
    """Takes until it is let go."""

    def __init__(self) -> None:
        self.times = 0
        self.go = asyncio.Event()

    async def __call__(self) -> None:
        self.times += 1
        await self.go.wait()
        raise ZeroDivisionError


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_as_long_as_there_is_time_for_it_everything_is_shown_at_once(clock):
    assert not Ahead(clock).allows(clock.steady())


def test_what_is_young_is_as_good_as_new_when_there_is_no_time(ahead, clock):
    assert ahead.allows(clock.steady())
    assert not ahead.allows(clock.steady() - OLDEST)
    assert not ahead.allows(None)


async def test_the_next_is_made_when_the_last_is_half_as_old_as_it_may_be(ahead, clock):
    work = Work()
    for age in (0.4, 0.5):
        ahead.renew("x", clock.steady() - age * OLDEST, work)
        await turns()

    assert work.times == 1


async def test_it_is_made_once_at_a_time_whatever_becomes_of_it(ahead, clock):
    work, old = Work(), clock.steady() - OLDEST
    for _ in range(3):
        ahead.renew("x", old, work)
        ahead.renew("y", old, work)
        await turns()
    at_once = work.times
    work.go.set()
    await turns()
    ahead.renew("x", old, work)
    await turns()

    assert (at_once, work.times) == (2, 3)


async def test_what_has_been_used_up_comes_back(ahead, clock):
    clock.pass_(minutes=2)

    assert not ahead.allows(clock.steady())
