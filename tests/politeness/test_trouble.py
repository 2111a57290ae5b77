"""Politeness towards what is broken.

15 errors                      19 failures below HTTP
17 bounds of time and size     20 a page in place of the feed
"""

import gzip
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.politeness_server import Reply, Script, answer, ok
from tests.politeness.play import DAY, HOUR, JITTER, tagged, then, until, waits

WEEK = 7 * DAY


def doubling(pauses: list[float], *, most: float = DAY) -> bool:
    """Whether the waits are an hour, two, four … up to the longest, each with its jitter."""
    wanted = [min(HOUR * 2**number, most) for number in range(len(pauses))]
    return len(pauses) > 2 and all(
        low <= pause <= low * JITTER for low, pause in zip(wanted, pauses, strict=True)
    )


async def test_check_15_a_410_that_is_confirmed_leaves_a_look_a_week(play):
    play.source("a", "a.example.com", [ok(ETag='"1"'), answer(410)])
    await play.start()
    await play.passes(days=25)

    to_gone, to_confirmed, *looks = waits(play.asked())
    assert HOUR <= to_gone <= HOUR * JITTER
    assert HOUR <= to_confirmed <= HOUR * JITTER
    assert len(looks) == 3
    assert all(WEEK <= look <= WEEK * JITTER for look in looks)
    assert await play.state("a") == "gone"
    assert (await play.health("a")).entries == 1


async def test_check_15_a_single_410_is_no_end(play):
    play.source("a", "a.example.com", then(ok(), answer(410), at_last=tagged()))
    await play.start()
    await play.passes(days=1)

    assert max(waits(play.asked())) <= 3 * HOUR
    assert await play.state("a") == "active"


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_check_15_other_errors_back_off_up_to_a_day_and_never_stop(play, status):
    play.source("a", "a.example.com", until(14 * DAY, answer(status), at_last=tagged()))
    await play.start()
    await play.passes(days=14)
    assert doubling(waits(play.asked()))
    assert len(play.asked()) >= 16
    assert await play.state("a") == "failing"

    await play.passes(hours=30)
    assert HOUR <= waits(play.asked())[-1] <= HOUR * JITTER  # well again, as if nothing had been
    assert await play.state("a") == "active"


BOMB = gzip.compress(b" " * 20_000_000, 9)
LIMIT = 0.15


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(manner="hang"), "no answer within"),
        (Reply(manner="drip"), "no answer within"),
        (Reply(manner="endless"), "larger than"),
        (Reply(headers=(("Content-Encoding", "gzip"),), body=BOMB), "larger than"),
    ],
    ids=["hangs", "drips", "endless", "bomb"],
)
async def test_check_17_time_and_size_are_bounded_and_nobody_waits(play, reply, reason):
    play.fetch["max_body"] = '"100KB"'
    in_time = "" if reason == "larger than" else f'"{LIMIT * 1000:.0f}ms"'
    play.source("sick", "sick.example.org", [reply], timeout=in_time)
    for number in range(3):
        play.source(f"well-{number}", f"{number}.example.com", tagged())
    await play.start()
    await play.passes(hours=8)

    assert doubling(waits(play.asked("sick.example.org")))
    assert reason in (await play.health("sick")).last_error
    assert max(one.sent for one in play.asked("sick.example.org")) < 20_000_000
    for number in range(3):
        pauses = waits(play.asked(f"{number}.example.com"))
        assert all(HOUR <= pause <= HOUR * JITTER for pause in pauses)
        assert len(pauses) >= 7


async def test_check_17_the_answers_of_others_are_taken_while_one_is_slow(play):
    play.source("a", "slow.example.org", [ok(delay=0.7)])
    for number in range(5):
        play.source(f"well-{number}", f"{number}.example.com", tagged())
    await play.start()
    await play.passes(seconds=0)

    assert [report.source for report in play.notebook.reports][-1] == "a"
    assert len(play.notebook.reports) == 6


async def test_check_19_a_connection_that_breaks_backs_off_and_keeps_the_validators(play):
    broken = [Reply(manner="reset")] * 4
    play.source("a", "a.example.com", then(ok(ETag='"1"'), *broken, at_last=tagged()))
    await play.start()
    await play.passes(hours=20)

    asked = play.asked()
    assert doubling(waits(asked)[1:5])
    assert {one.header("if-none-match") for one in asked[1:]} == {'"1"'}
    assert (await play.health("a")).entries == 1
    assert await play.state("a") == "active"


async def test_check_19_a_name_that_dns_forgot_backs_off_and_keeps_the_validators(play):
    close: dict[str, Any] = {"Connection": "close"}  # so that each poll looks the name up
    script: Script = then(ok(ETag='"1"', **close), at_last=tagged(**close))
    play.source("a", "a.example.com", script)
    await play.start()
    await play.passes(minutes=30)
    play.dead_names.add("a.example.com")
    await play.passes(hours=16)
    tries = [at for at, name in play.looked_up if name == "a.example.com"]
    failing = await play.health("a")
    play.dead_names.clear()
    await play.passes(hours=16)

    assert doubling([after - before for before, after in pairwise(tries[1:])])
    assert failing.failures == len(tries) - 1
    assert "a.example.com" in failing.last_error
    assert len(play.asked()) > 2
    assert {one.header("if-none-match") for one in play.asked()[1:]} == {'"1"'}
    assert await play.state("a") == "active"


async def test_check_19_a_failing_tls_handshake_backs_off(play):
    play.source("a", "a.example.com", scheme="https")
    await play.start()
    await play.passes(hours=20)

    assert {one.path for one in play.asked()} == {"(TLS)"}
    assert doubling(waits(play.asked()))
    assert await play.state("a") == "failing"


PAGE = b"<!doctype html><html><head><title>This domain is for sale</title></head></html>"


@pytest.mark.parametrize("kind", ["text/html", "application/rss+xml"])
async def test_check_20_a_page_in_place_of_the_feed_is_an_error_that_says_so(play, kind):
    page = Reply(headers=(("Content-Type", kind), ("ETag", '"page"')), body=PAGE)
    first = ok("one", "two", ETag='"feed"')
    parked_until = until(10 * HOUR, page, at_last=tagged(etag='"feed"'))
    play.source("a", "a.example.com", then(first, at_last=parked_until))
    await play.start()
    await play.passes(hours=6)
    parked = await play.health("a")
    assert await play.state("a") == "failing"
    assert "page" in parked.last_error
    assert parked.entries == 2

    await play.passes(hours=14)
    polls = [one for one in play.asked() if one.header("if-none-match") == '"feed"']
    others = [one for one in play.asked() if one not in polls]
    assert doubling(waits(polls)[:4])
    # The first contact, and perhaps one look at what the page says of where the feed has gone.
    assert {one.header("if-none-match") for one in others} == {None}
    assert len(others) <= 2
    assert {one.played_at for one in others[1:]} <= {one.played_at for one in polls}
    assert await play.state("a") == "active"
    assert (await play.health("a")).entries == 2
