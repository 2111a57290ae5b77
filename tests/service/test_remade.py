import asyncio
from datetime import timedelta

import pytest

from aggregator.core.errors import StoreError
from aggregator.service.remade import KEPT, Remade
from tests.fakes import FakeClock


class Slow:
    """Takes seconds by the clock, and counts how often it was asked."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self.times = 0
        self.fails = False
        self._clock = clock
        self._seconds = seconds

    async def make(self) -> int:
        self.times += 1
        number = self.times
        await asyncio.sleep(0)
        self._clock.pass_(seconds=self._seconds)
        if self.fails:
            raise StoreError("the disk is full")
        return number


async def test_all_who_ask_meanwhile_get_the_same():
    clock = FakeClock()
    slow = Slow(clock, 1)
    remade = Remade(clock, slow.make)

    assert await asyncio.gather(*(remade.get() for _ in range(3))) == [1, 1, 1]


async def test_it_is_kept_for_a_multiple_of_the_time_that_it_took():
    clock = FakeClock()
    slow = Slow(clock, 2)
    remade = Remade(clock, slow.make)
    await remade.get()

    clock.pass_(seconds=2 * KEPT - 1)
    assert await remade.get() == 1
    clock.pass_(seconds=1)
    assert await remade.get() == 2


async def test_what_takes_no_time_is_made_for_everybody():
    clock = FakeClock()
    remade = Remade(clock, Slow(clock, 0).make)

    assert [await remade.get(), await remade.get()] == [1, 2]


async def test_what_was_begun_before_it_is_forgotten_is_not_kept():
    clock = FakeClock()
    slow = Slow(clock, 1)
    remade = Remade(clock, slow.make)
    before = asyncio.create_task(remade.get())
    await asyncio.sleep(0)
    remade.forget()

    assert await remade.get() == 2
    assert await before == 1
    assert await remade.get() == 2


async def test_a_failure_is_told_and_not_kept():
    clock = FakeClock()
    slow = Slow(clock, 1)
    remade = Remade(clock, slow.make)
    slow.fails = True
    with pytest.raises(StoreError):
        await remade.get()
    slow.fails = False

    assert await remade.get() == 2
    assert clock.steady() - FakeClock().steady() == timedelta(seconds=2)
