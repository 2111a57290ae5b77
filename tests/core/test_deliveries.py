from datetime import timedelta

import pytest

from aggregator.core.deliveries import NewDelivery, Patience

PATIENCE = Patience(ends_after=timedelta(days=1))


def wait(failures: int = 1, *, patience: Patience = PATIENCE, **changes) -> timedelta | None:
    facts = {"failing_for": timedelta(), "retry_after": None, "chance": 0.0}
    return patience.next_wait(failures=failures, **{**facts, **changes})


def test_each_failure_doubles_the_wait_up_to_an_hour():
    seconds = [(wait(n) or timedelta()).total_seconds() for n in (1, 2, 3, 9, 10, 10_000)]

    assert seconds == [10, 20, 40, 2560, 3600, 3600]


def test_chance_keeps_those_apart_that_failed_together():
    assert wait(1, chance=1.0) == timedelta(seconds=12)


@pytest.mark.parametrize(("asked", "waits"), [(1, 10), (90, 90), (10**9, 86_400)])
def test_a_server_may_ask_for_a_longer_wait_of_a_day_at_most(asked, waits):
    assert wait(1, retry_after=timedelta(seconds=asked)) == timedelta(seconds=waits)


def test_after_too_long_it_is_given_up_or_goes_on_slowly():
    hook = Patience(ends_after=timedelta(days=3), at_last=timedelta(days=1))

    assert wait(99, failing_for=timedelta(days=1)) is None
    assert wait(99, failing_for=timedelta(hours=23)) == timedelta(hours=1)
    assert wait(99, failing_for=timedelta(days=3), patience=hook) == timedelta(days=1)
    assert wait(99, failing_for=timedelta(days=999), patience=Patience()) == timedelta(hours=1)


def test_an_order_shows_neither_address_nor_secret():
    delivery = NewDelivery(
        kind="webhook", topic="latest", url="https://h.example/key", secret="hush"
    )

    assert "key" not in repr(delivery)
    assert "hush" not in repr(delivery)
    assert delivery.kept_url is None
