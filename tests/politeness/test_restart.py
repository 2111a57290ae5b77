"""Politeness of a process that starts: beside another one's schedule, or by hand.

11 restart    21 no herd    22 refresh by hand
"""

from time import monotonic

import pytest

from benchmarks.politeness_server import Seen, answer, ok
from tests.politeness.play import HOUR, UNCONDITIONAL, conditions, tagged, waits

PAUSE = 5 * HOUR


@pytest.fixture
def play(play_on_disk):
    return play_on_disk


async def test_check_11_a_restart_asks_nothing_that_is_not_due(play):
    play.source("a", "a.example.com", tagged(etag='"kept"'))
    await play.start()
    await play.passes(minutes=1)
    for _ in range(11):
        await play.restart()
        await play.passes(minutes=5)
    assert len(play.asked()) == 1

    await play.passes(minutes=15)
    assert [conditions(one) for one in play.asked()] == [UNCONDITIONAL, ('"kept"', None)]


async def test_check_11_a_pause_survives_a_restart(play):
    throttling = answer(429, Retry_After="18000")
    play.source("a", "a.example.com", [ok(ETag='"1"'), throttling, answer(304)])
    play.source("nas", "10.0.0.5", [ok(ETag='"1"'), throttling, answer(304)])
    await play.start()
    await play.passes(hours=1.2)
    assert len(play.asked()) == 4
    for _ in range(4):
        await play.restart()
        await play.passes(hours=1)
    assert len(play.asked()) == 4

    await play.passes(hours=2.5)
    for host in ("a.example.com", "10.0.0.5"):
        assert waits(play.asked(host))[1] >= 5 * HOUR
        assert conditions(play.asked(host)[2]) == ('"1"', None)


async def test_check_11_a_failing_source_is_not_retried_by_a_restart(play):
    play.source("a", "a.example.com", [answer(500)])
    await play.start()
    await play.passes(hours=12)
    before = len(play.asked())
    await play.restart()
    await play.passes(minutes=1)

    assert before == 4  # at 0, 1, 3 and 7 hours
    assert len(play.asked()) == before


HERD = 30


# The sources of a herd are spread when the dispatcher starts, and when it has slept.
def a_herd(play, number: int = HERD, **settings: str) -> None:
    for one in range(number):
        play.source(f"s{one}", f"{one}.example.com", tagged(), **settings)


def one_after_the_other(asked: list[Seen], *, within: float) -> bool:
    """Evenly, never more than four a second, the last within so many seconds."""
    gaps = waits(asked)
    return all(
        gap == pytest.approx(gaps[0], abs=0.05) and 0.24 <= gap <= 1.01 for gap in gaps
    ) and (sum(gaps) <= within)


async def test_check_21_many_new_sources_are_first_asked_one_after_the_other(play):
    a_herd(play)
    await play.start()
    await play.passes(minutes=30)

    asked = play.asked()
    assert len(asked) == HERD
    assert asked[0].played_at == 0
    assert one_after_the_other(asked, within=HERD)


async def test_check_21_after_a_long_sleep_the_overdue_ones_come_one_after_the_other(play):
    a_herd(play)
    play.source("resting", "resting.example.com", tagged(), interval='"2d"')
    await play.start()
    await play.passes(hours=1.5)
    before = len(play.asked())
    play.sleeps(hours=12)
    woken_at = play.clock.elapsed.total_seconds()
    await play.passes(minutes=30)

    asked = play.asked()[before:]
    assert len(asked) == HERD
    assert asked[0].played_at == pytest.approx(woken_at, abs=0.05)
    assert one_after_the_other(asked, within=HERD)
    assert len(play.asked("resting.example.com")) == 1


async def test_check_21_a_short_interval_is_not_stretched_by_it(play):
    a_herd(play, 20, interval='"10s"')
    await play.start()
    await play.passes(seconds=9.9)

    asked = play.asked()
    assert len(asked) == 20
    assert one_after_the_other(asked, within=9.9)


async def test_check_21_a_pause_is_not_shortened_by_it(play):
    a_herd(play, 12)
    play.source("paused", "10.0.0.5", [answer(429, Retry_After="7200"), ok()])
    await play.start()
    await play.passes(minutes=1)
    play.sleeps(minutes=90)
    await play.passes(minutes=20)

    assert len(play.asked()) == 2 * 12 + 1
    assert len(play.asked("10.0.0.5")) == 1


async def test_check_22_a_refresh_by_hand_heeds_retry_after(play):
    play.source("a", "a.example.com", [answer(429, Retry_After=f"{PAUSE:.0f}"), ok()])
    await play.start()
    await play.passes(hours=4)
    (report,) = await play.refresh("a")
    assert report.outcome == "throttled"
    assert len(play.asked()) == 1

    await play.restart()
    play.sleeps(hours=1, seconds=1)
    (report,) = await play.refresh("a")
    assert report.outcome == "new"
    assert len(play.asked()) == 2


@pytest.mark.parametrize("other", ["a.example.com", "b.example.com"])
async def test_check_22_a_refresh_by_hand_heeds_the_pause_of_the_host(play, other):
    play.source("a", "a.example.com", [answer(429, Retry_After=f"{PAUSE:.0f}")], path="/a")
    play.source("b", other, tagged(), path="/b")
    await play.start()
    await play.passes(minutes=10)
    asked_before = len(play.asked(path="/b"))
    await play.restart()
    (report,) = await play.refresh("b")

    assert report.outcome == "throttled"
    assert len(play.asked(path="/b")) == asked_before


@pytest.mark.parametrize("key", ["a", "same-host"])
async def test_check_22_a_refresh_by_hand_waits_out_the_hosts_rest(play, key):
    rest = 0.4
    play.fetch["per_host_delay"] = f'"{rest * 1000:.0f}ms"'
    play.source("a", "a.example.com", tagged(), path="/a")
    await play.start()
    await play.passes(seconds=0)
    play.source("same-host", "a.example.com", tagged(), path="/b")
    play.configure()
    await play.restart()
    begun = monotonic()
    (report,) = await play.refresh(key)

    assert report.outcome in {"new", "not_modified"}
    assert len(play.asked()) == 2
    assert play.asked()[1].at - begun >= rest - 0.05
