from datetime import timedelta

import pytest

from aggregator.service.clocks import APART, ahead
from tests.builders import NOON

SECOND = timedelta(seconds=1)


class Clocks:
    """Ours, and one that answers after a while."""

    def __init__(self, apart: timedelta | None, way: timedelta = timedelta()) -> None:
        self._ours = NOON
        self._apart = apart
        self._way = way

    def now(self):
        raise AssertionError("a stepped wall clock is not what turns go by")

    def steady(self):
        return self._ours

    async def time(self):
        self._ours += self._way
        told = None if self._apart is None else self._ours - self._apart
        self._ours += self._way
        return told


@pytest.mark.parametrize("apart", [None, timedelta(), APART, -APART])
async def test_clocks_that_agree_are_nothing_to_tell(apart):
    clocks = Clocks(apart)

    assert await ahead(clocks, clocks) is None


@pytest.mark.parametrize("apart", [2 * SECOND, -2 * SECOND, timedelta(days=-3)])
async def test_it_is_told_how_far_ours_is_ahead(apart):
    clocks = Clocks(apart)

    assert await ahead(clocks, clocks) == apart


async def test_an_answer_that_was_long_on_its_way_proves_less():
    slow = Clocks(5 * SECOND, way=4 * SECOND)
    slower = Clocks(5 * SECOND, way=5 * SECOND)

    assert await ahead(slow, slow) is None
    assert await ahead(slower, slower) is None
    quick = Clocks(5 * SECOND, way=SECOND)
    assert await ahead(quick, quick) == 5 * SECOND
