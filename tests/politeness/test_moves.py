"""Politeness of redirects.

14 http stays http; a move that lasts a week is followed for good, anything else is not
"""

from itertools import pairwise
from typing import Any

import pytest

from benchmarks.politeness_server import Reply, Script, Seen, answer, ok
from tests.politeness.play import DAY, HOUR, Play, tagged, waits

OLD, NEW = "old.example.com", "new.example.org"
WEEK = 7 * DAY
LONGEST_WAIT = 13.3 * HOUR
"""Of an interval of twelve hours."""


def redirecting(to: str, status: int = 301) -> Reply:
    return answer(status, Location=to)


def moving(play: Play, script: Script, *, target: Script | None = None) -> None:
    """A source that is asked every twelve hours, and the place that its redirects lead to."""
    play.source("a", OLD, script, interval='"12h"')
    play.serves(NEW, target or tagged())


def straight(play: Play, host: str = NEW) -> list[Seen]:
    """Requests to the new address to which nothing redirected us."""
    log = play.asked()
    follows = {id(after) for before, after in pairwise(log) if before.host != host}
    return [one for one in log if one.host == host and id(one) not in follows]


async def moved_to(play: Play) -> Any:
    return getattr(await play.health("a"), "moved_to", None)


@pytest.mark.parametrize("status", [301, 308])
async def test_check_14_a_move_that_was_seen_for_a_week_is_taken(play_on_disk, status):
    play = play_on_disk
    moving(play, [redirecting(play.url(NEW), status)])
    await play.start()
    written = play.config.read_bytes()
    await play.passes(days=6.9)
    assert straight(play) == []
    assert await moved_to(play) is None
    assert len(play.asked(OLD)) == len(play.asked(NEW)) >= 13

    await play.passes(days=0.1, seconds=LONGEST_WAIT)
    asked_before = len(play.asked(OLD))
    await play.passes(days=3)
    assert len(play.asked(OLD)) == asked_before
    assert len(straight(play)) >= 5
    assert await moved_to(play) == play.url(NEW)
    assert await play.state("a") == "moved"
    assert (await play.health("a")).url == play.url(OLD)
    assert play.config.read_bytes() == written


async def test_check_14_every_hop_of_a_move_must_be_permanent_and_its_end_is_taken(play):
    moving(play, [redirecting("/between", 308)])
    play.serves(OLD, [redirecting(play.url(NEW), 301)], path="/between")
    await play.start()
    await play.passes(days=10)

    assert len(straight(play)) >= 3
    assert await moved_to(play) == play.url(NEW)


async def test_check_14_a_move_survives_restarts_before_and_after_it_is_taken(play_on_disk):
    play = play_on_disk
    moving(play, [redirecting(play.url(NEW))])
    await play.start()
    for _ in range(9):
        await play.passes(days=1)
        await play.restart()
    asked_before = len(play.asked(OLD))
    await play.passes(days=2)

    assert len(play.asked(OLD)) == asked_before <= 16
    assert len(straight(play)) >= 5


@pytest.mark.parametrize("between", ["temporary", "elsewhere", "at home"])
async def test_check_14_a_move_that_was_interrupted_is_seen_for_a_week_anew(play, between):
    back_at = 4 * DAY
    other = {
        "temporary": redirecting(play.url(NEW), 302),
        "elsewhere": redirecting(play.url("third.example.net")),
        "at home": ok(ETag='"home"'),
    }[between]
    play.serves("third.example.net", tagged())

    def script(seen: Seen, _number: int) -> Reply:
        away = back_at <= seen.played_at < back_at + DAY
        return other if away else redirecting(play.url(NEW))

    moving(play, script)
    await play.start()
    await play.passes(days=11.5)  # a week after the first, and not yet after the interruption
    assert straight(play) == []
    assert await moved_to(play) is None

    await play.passes(days=4)
    assert len(straight(play)) >= 2
    assert await moved_to(play) == play.url(NEW)


async def test_check_14_an_address_that_its_owner_changes_is_asked(play_on_disk):
    play = play_on_disk
    moving(play, [redirecting(play.url(NEW))])
    await play.start()
    await play.passes(days=10)
    taken = await moved_to(play)
    play.source("a", "third.example.net", tagged(), interval='"12h"')
    await play.reload()
    before = len(play.asked())
    await play.passes(days=2)

    assert taken == play.url(NEW)
    assert {one.host for one in play.asked()[before:]} == {"third.example.net"}
    assert await moved_to(play) is None
    assert await play.state("a") == "active"


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_check_14_a_temporary_redirect_is_never_taken(play, status):
    moving(play, [redirecting(play.url(NEW), status)])
    await play.start()
    await play.passes(days=15)

    assert len(play.asked(OLD)) == len(play.asked(NEW)) >= 26
    assert await moved_to(play) is None
    assert await play.state("a") == "active"


@pytest.mark.parametrize("hops", [(301, 302), (302, 301)])
async def test_check_14_one_temporary_hop_makes_a_redirect_temporary(play, hops):
    moving(play, [redirecting("/between", hops[0])])
    play.serves(OLD, [redirecting(play.url(NEW), hops[1])], path="/between")
    await play.start()
    await play.passes(days=15)

    assert len(play.asked(OLD, "/feed")) == len(play.asked(NEW)) >= 26
    assert await moved_to(play) is None


async def test_check_14_a_page_is_never_taken_for_the_new_address(play):
    page = Reply(headers=(("Content-Type", "text/html"),), body=b"<!doctype html><p>Log in</p>")
    moving(play, [redirecting(play.url(NEW))], target=[page])
    await play.start()
    await play.passes(days=15)

    assert len(play.asked(OLD)) == len(play.asked(NEW)) >= 13
    assert await moved_to(play) is None
    assert await play.state("a") == "failing"


async def test_check_14_a_loop_ends_after_five_redirects_and_backs_off(play):
    moving(play, [redirecting("/feed")])
    await play.start()
    await play.passes(days=7)

    polls = len(play.notebook.reports)
    pauses = [pause for pause in waits(play.asked(OLD)) if pause > 0]
    assert len(play.asked(OLD)) == 6 * polls
    assert polls >= 7
    assert pauses[0] < DAY <= min(pauses[1:])
    assert await play.state("a") == "failing"
    assert await moved_to(play) is None


async def test_check_14_http_stays_http(play):
    play.source(
        "a",
        OLD,
        [
            ok(
                ETag='"1"',
                Strict_Transport_Security="max-age=31536000; includeSubDomains; preload",
                Upgrade="h2c, TLS/1.2",
                Content_Security_Policy="upgrade-insecure-requests",
                Alt_Svc='h2=":443"',
            ),
            answer(304),
        ],
    )
    await play.start()
    await play.passes(days=1)

    assert len(play.asked()) >= 20
    assert {one.path for one in play.asked()} == {"/feed"}  # TLS would be logged as such
    assert all(one.header("upgrade-insecure-requests") is None for one in play.asked())
