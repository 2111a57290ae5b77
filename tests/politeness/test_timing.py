"""Politeness of when is asked, while all goes well.

07 interval    08 wishes of the server and the source    11 restart    21 no herd
"""

from datetime import timedelta
from itertools import pairwise

import pytest

from benchmarks.politeness_server import Reply, answer, ok
from tests.builders import NOON
from tests.politeness.play import (
    DAY,
    HOUR,
    JITTER,
    always,
    tagged,
    waits,
)

MODIFIED = "Mon, 02 Jan 2006 15:04:05 GMT"


@pytest.mark.parametrize("validators", [{"ETag": '"1"'}, {"Last_Modified": MODIFIED}])
@pytest.mark.parametrize(("interval", "seconds"), [("1h", HOUR), ("20m", 1200), ("1d", DAY)])
async def test_check_07_a_conditional_request_never_comes_before_its_interval(
    play, validators, interval, seconds
):
    play.source("a", "a.example.com", [ok(**validators), answer(304)], interval=f'"{interval}"')
    await play.start()
    await play.passes(seconds=10 * seconds)

    pauses = waits(play.asked())
    assert len(pauses) >= 8
    assert all(seconds <= pause <= seconds * JITTER for pause in pauses)


async def test_check_07_the_default_interval_is_an_hour_at_least(play):
    titles = [f"entry {number}" for number in range(30)]
    play.source("a", "a.example.com", tagged(), interval="")
    play.source(
        "busy",
        "busy.example.com",
        lambda _seen, number: ok(*titles[:number], ETag=f'"{number}"'),
        interval="",
    )
    await play.start()
    await play.passes(days=1)

    for host in ("a.example.com", "busy.example.com"):
        assert len(play.asked(host)) >= 2
        assert min(waits(play.asked(host))) >= HOUR


async def test_check_07_without_validators_it_is_asked_at_half_the_pace(play):
    play.source("a", "a.example.com", [ok()])
    play.source("b", "10.0.0.5", [ok()])
    await play.start()
    await play.passes(days=1)

    for host in ("a.example.com", "10.0.0.5"):
        pauses = waits(play.asked(host))
        assert len(pauses) >= 2
        assert min(pauses) >= 2 * HOUR


async def test_check_07_without_validators_silence_makes_it_rarer_up_to_a_day(play):
    play.source("a", "a.example.com", [ok()], interval=None)
    await play.start()
    await play.passes(days=21)

    pauses = waits(play.asked())
    assert min(pauses) >= 2 * HOUR
    assert all(after * JITTER >= before for before, after in pairwise(pauses))
    assert 2 * pauses[0] < pauses[-1] <= DAY * JITTER
    assert len(pauses) >= 19


async def test_check_07_without_validators_news_bring_the_pace_back(play):
    news_at = 12 * DAY
    play.source(
        "a",
        "a.example.com",
        lambda seen, _number: ok("one", *(["two"] if seen.played_at >= news_at else [])),
        interval=None,
    )
    await play.start()
    await play.passes(days=15)

    asked = play.asked()
    brought = next(number for number, one in enumerate(asked) if one.played_at >= news_at)
    pauses = waits(asked)
    assert pauses[brought] >= 2 * HOUR
    assert 2 * pauses[brought] < pauses[brought - 1]


@pytest.mark.parametrize(
    "script",
    [
        tagged(Cache_Control="public, max-age=14400"),
        tagged(extra="<ttl>240</ttl>"),
        tagged(
            extra="<sy:updatePeriod>daily</sy:updatePeriod>"
            "<sy:updateFrequency>6</sy:updateFrequency>"
        ),
    ],
    ids=["max-age", "ttl", "sy"],
)
async def test_check_08_what_is_asked_for_raises_the_interval(play, script):
    play.source("a", "a.example.com", script)
    await play.start()
    await play.passes(days=1)

    pauses = waits(play.asked())
    assert len(pauses) >= 4
    assert all(4 * HOUR <= pause <= 4 * HOUR * JITTER for pause in pauses)


async def test_check_08_expires_raises_the_interval_by_the_servers_own_clock(play):
    def reply() -> Reply:
        dates = {"Date": play.http_date(days=-7), "Expires": play.http_date(days=-7, hours=4)}
        return ok(ETag='"1"', **dates)

    play.source("a", "a.example.com", always(reply))
    await play.start()
    await play.passes(days=1)

    pauses = waits(play.asked())
    assert len(pauses) >= 4
    assert all(4 * HOUR <= pause <= 4 * HOUR * JITTER for pause in pauses)


async def test_check_08_skipped_hours_and_days_are_left_out(play):
    skipped_hours, skipped_days = range(13, 18), ("Monday", "Wednesday")
    hours = "".join(f"<hour>{hour}</hour>" for hour in skipped_hours)
    days = "".join(f"<day>{day}</day>" for day in skipped_days)
    wishes = f"<skipHours>{hours}</skipHours><skipDays>{days}</skipDays>"
    play.source("a", "a.example.com", tagged(extra=wishes))
    await play.start()
    await play.passes(days=7)

    moments = [NOON + timedelta(seconds=one.played_at) for one in play.asked()]
    assert len(moments) > 50
    assert {moment.hour for moment in moments} == set(range(24)) - set(skipped_hours)
    assert {f"{moment:%A}" for moment in moments}.isdisjoint(skipped_days)


@pytest.mark.parametrize(
    "script",
    [
        tagged(Cache_Control="max-age=60"),
        tagged(Cache_Control="max-age=0, must-revalidate"),
        tagged(Cache_Control="no-cache"),
        tagged(Date=MODIFIED, Expires=MODIFIED),
        tagged(extra="<ttl>1</ttl>"),
        tagged(
            extra="<sy:updatePeriod>hourly</sy:updatePeriod>"
            "<sy:updateFrequency>60</sy:updateFrequency>"
        ),
    ],
    ids=["max-age", "stale", "no-cache", "expired", "ttl", "sy"],
)
async def test_check_08_nothing_lowers_the_interval(play, script):
    play.source("a", "a.example.com", script)
    await play.start()
    await play.passes(hours=10)

    pauses = waits(play.asked())
    assert len(pauses) >= 8
    assert all(HOUR <= pause <= HOUR * JITTER for pause in pauses)
