"""Politeness towards hosts: what they ask for, and how much at once.

09 Retry-After and its reach    10 one request at a time    22 refresh by hand
"""

from itertools import pairwise

import pytest

from benchmarks.politeness_server import Reply, answer, ok
from tests.politeness.play import HOUR, JITTER, Play, always, tagged, then, waits

PAUSE = 5 * HOUR


@pytest.fixture
def play(play_on_disk):
    return play_on_disk


@pytest.mark.parametrize("host", ["a.example.com", "10.0.0.5"], ids=["public", "private"])
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_check_09_nothing_is_asked_before_retry_after(play, host, status, form):
    def throttling() -> Reply:
        after = f"{PAUSE:.0f}" if form == "seconds" else play.http_date(seconds=PAUSE)
        return answer(status, Retry_After=after)

    play.source("a", host, always(throttling))
    await play.start()
    await play.passes(hours=1)
    state = await play.state("a")
    await play.passes(hours=10)

    pauses = waits(play.asked())
    assert len(pauses) == 2
    assert all(PAUSE <= pause <= PAUSE * JITTER for pause in pauses)
    assert state == "throttled"


async def test_check_09_a_short_retry_after_does_not_shorten_the_interval(play):
    play.source("a", "a.example.com", [answer(429, Retry_After="1")])
    await play.start()
    await play.passes(hours=6)

    pauses = waits(play.asked())
    assert len(pauses) == 2
    assert min(pauses) >= HOUR
    assert pauses[1] > 1.5 * pauses[0]


async def test_check_09_a_429_without_a_word_pauses_for_an_hour_at_least(play):
    play.source("a", "a.example.com", [answer(429)], interval='"5m"')
    play.source("slow", "slow.example.org", [answer(429)], interval='"2h"')
    await play.start()
    await play.passes(hours=12)

    assert len(play.asked("a.example.com")) >= 2
    assert min(waits(play.asked("a.example.com"))) >= HOUR
    assert min(waits(play.asked("slow.example.org"))) >= 2 * HOUR


def two_sources(play: Play, throttled: str, other: str, status: int = 429) -> None:
    """`throttled` asks for a pause at its second poll; `other` is asked every hour."""
    throttling = answer(status, Retry_After=f"{PAUSE:.0f}")
    script = then(ok(ETag='"1"'), throttling, at_last=tagged())
    play.source("throttled", throttled, script, path="/a")
    play.source("other", other, tagged(), path="/b")


def during_the_pause(play: Play, host: str) -> int:
    """Requests to the other source after the answer that asked for a pause, and before its end."""
    at = play.asked(path="/a")[1].played_at
    return sum(at < one.played_at < at + PAUSE for one in play.asked(host, "/b"))


@pytest.mark.parametrize("status", [429, 503])
async def test_check_09_a_public_host_pauses_as_a_whole(play, status):
    two_sources(play, "a.example.com", "a.example.com", status)
    await play.start()
    await play.passes(hours=8)

    assert during_the_pause(play, "a.example.com") == 0
    assert play.asked(path="/b")[-1].played_at > play.asked(path="/a")[1].played_at + PAUSE


@pytest.mark.parametrize(
    ("status", "throttled", "other"),
    [
        (429, "a.example.co.uk", "b.example.co.uk"),
        (503, "a.example.co.uk", "b.example.co.uk"),
        (429, "example.com", "feeds.blog.example.com"),
        (429, "me.github.io", "feeds.me.github.io"),
    ],
)
async def test_check_09_hosts_of_one_registrable_domain_pause_together(
    play, status, throttled, other
):
    two_sources(play, throttled, other, status)
    await play.start()
    await play.passes(hours=8)

    assert during_the_pause(play, other) == 0
    assert play.asked(path="/b")[-1].played_at > play.asked(path="/a")[1].played_at + PAUSE


async def test_check_09_the_pause_of_a_domain_survives_a_restart(play):
    two_sources(play, "a.example.co.uk", "b.example.co.uk")
    await play.start()
    await play.passes(hours=1.2)
    for _ in range(4):
        await play.restart()
        await play.passes(hours=2)

    assert during_the_pause(play, "b.example.co.uk") == 0
    assert play.asked(path="/b")[-1].played_at > play.asked(path="/a")[1].played_at + PAUSE


@pytest.mark.parametrize(
    ("throttled", "other"),
    [
        ("example.co.uk", "other.co.uk"),
        ("me.github.io", "you.github.io"),
        ("me.blogspot.com", "you.blogspot.com"),
        ("10.0.0.5", "10.0.0.5"),
        ("nas.local", "nas.local"),
        ("one.home.arpa", "two.home.arpa"),
    ],
)
async def test_check_09_others_behind_a_shared_suffix_or_a_private_address_go_on(
    play, throttled, other
):
    play.at_home |= {"nas.local", "one.home.arpa", "two.home.arpa"}
    two_sources(play, throttled, other)
    await play.start()
    await play.passes(hours=8)

    assert waits(play.asked(path="/a"))[1] >= PAUSE
    assert during_the_pause(play, other) >= 4


GAP = 0.03


@pytest.mark.parametrize("host", ["a.example.com", "10.0.0.5"], ids=["public", "private"])
async def test_check_10_one_request_at_a_time_for_a_host_with_a_gap(play, host):
    play.fetch["per_host_delay"] = f'"{GAP * 1000:.0f}ms"'
    for number in range(5):
        play.source(f"s{number}", host, [ok(ETag='"1"', delay=0.01)], path=f"/{number}")
    await play.start()
    await play.passes(seconds=1)

    asked = play.asked(host)
    gaps = [after.at - before.until for before, after in pairwise(asked)]
    assert sorted(one.path for one in asked) == ["/0", "/1", "/2", "/3", "/4"]
    assert min(gaps) >= GAP - 0.002


async def test_check_10_the_gap_holds_between_two_looks_at_the_schedule(play):
    gap = 0.3  # longer than what comes between them takes
    play.fetch["per_host_delay"] = f'"{gap * 1000:.0f}ms"'
    play.source("first", "a.example.com", tagged(), path="/1")
    await play.start()
    await play.passes(seconds=0)
    play.source("second", "a.example.com", tagged(), path="/2")
    await play.reload()
    await play.passes(seconds=0)

    first, second = play.asked()
    assert second.at - first.until >= gap - 0.002
