from datetime import timedelta

import pytest

from aggregator.service.allowance import Allowance
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def allowance(clock) -> Allowance:
    return Allowance(clock, share=0.1, most=timedelta(seconds=2))


def test_what_is_used_up_comes_back_as_a_whole(allowance, clock):
    allowance.spend(timedelta(seconds=2))
    at_once = allowance.is_left()
    clock.pass_(seconds=19)
    before = allowance.is_left()
    clock.pass_(seconds=1)

    assert (at_once, before) == (False, False)
    assert allowance.is_left()


def test_what_is_not_used_up_is_left(allowance):
    allowance.spend(timedelta(seconds=1.9))

    assert allowance.is_left()


def test_who_spends_more_than_there_is_waits_the_longer(allowance, clock):
    allowance.spend(timedelta(seconds=3))
    clock.pass_(seconds=29)
    before = allowance.is_left()
    clock.pass_(seconds=1)

    assert not before
    assert allowance.is_left()


def test_no_more_is_saved_than_so_much(allowance, clock):
    clock.pass_(hours=1)
    allowance.spend(timedelta(seconds=2))

    assert not allowance.is_left()
