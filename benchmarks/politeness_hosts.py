"""Politeness checks of what a host gets: pauses, turns, herds, refreshes."""

from itertools import pairwise

from benchmarks.politeness_cases import (
    BY_HAND_DELAY,
    HOST_DELAY,
    SLACK,
    Check,
    Evidence,
    Source,
    Verdict,
    check,
    every,
    no_request_before,
)
from benchmarks.politeness_server import Reply, Seen, answer, ok
from benchmarks.politeness_timing import PAUSE, PAUSED_LONG, in_seconds

UNDER_WAY = 0.3
"""Seconds after a host's answer in which another host of its domain may still be asked: what is
under way is not called back."""
BUSY = [ok(ETag='"1"'), answer(304)]
THROTTLED = [ok(ETag='"1"'), answer(429, Retry_After=str(PAUSE)), answer(304)]
OFTEN = "300ms"


def until_date(_seen: Seen, number: int) -> Reply:
    return answer(503, Retry_After=in_seconds(PAUSE)) if number == 0 else ok()


def pair(key: str, throttled: str, other: str) -> tuple[Source, Source]:
    """A source that is asked to wait at its second poll, and one that is asked all the time."""
    return (
        Source(key=key, host=throttled, path="/a", script=THROTTLED),
        Source(key=f"{key}-other", host=other, path="/b", script=BUSY, interval=OFTEN),
    )


@check(
    9,
    "Retry-After, in seconds or as a date, holds; for the whole domain, in a private network for"
    " the source; a 429 without it backs off",
    *pair("host", "news.example.net", "news.example.net"),
    *pair("domain", "a.example.co.uk", "b.example.co.uk"),
    *pair("suffix", "me.github.io", "you.github.io"),
    *pair("private", "127.0.0.49", "127.0.0.49"),
    Source(key="domain-long", host="a.example.com.au", path="/a", script=PAUSED_LONG),
    Source(key="domain-long-other", host="b.example.com.au", path="/b", script=BUSY),
    Source(key="dated-pause", host="127.0.0.50", path="/feed", script=until_date),
    Source(key="no-word", host="127.0.0.51", path="/feed", script=[answer(429)]),
)
def pauses(evidence: Evidence) -> Verdict:
    no_word = len(evidence.polls("no-word"))
    again = len(evidence.polls("domain-long", "restart"))
    again += len(evidence.polls("domain-long-other", "restart"))
    return every(
        *(
            no_request_before(evidence.polls(key), 1, PAUSE, key)
            for key in ("host", "domain", "suffix", "private")
        ),
        no_request_before(evidence.polls("dated-pause"), 0, PAUSE - 1, "date"),
        (no_word == 1, f"429 alone: {no_word} request"),
        (again == 0, f"after a restart: {again} requests to a paused domain"),
        others(evidence, "host", waiting=True),
        others(evidence, "domain", waiting=True),
        others(evidence, "suffix", waiting=False),
        others(evidence, "private", waiting=False),
    )


def others(evidence: Evidence, key: str, *, waiting: bool) -> Verdict:
    """Whether the other source of the pair waits while the first one is paused, and not after."""
    throttled, other = evidence.polls(key), evidence.polls(f"{key}-other")
    if len(throttled) <= 1:
        return False, f"{key}: {len(throttled)} requests, too few to judge"
    at = throttled[1].until
    during = sum(at + UNDER_WAY < one.at < at + PAUSE - SLACK for one in other)
    after = sum(one.at > at + PAUSE for one in other)
    good = after > 0 and (during == 0) == waiting
    return good, f"{key}: {during} requests to the other in the pause, {after} after"


SLOW = [ok(ETag='"1"', delay=0.1)]


@check(
    10,
    f"one request at a time for a host, {HOST_DELAY} s apart",
    *(
        Source(key=f"{key}-{number}", host=host, path=f"/{number}", script=SLOW)
        for key, host in (("shared", "127.0.0.52"), ("public", "shared.example.org"))
        for number in range(4)
    ),
)
def turns(evidence: Evidence) -> Verdict:
    return every(*(in_turn(evidence, host) for host in ("127.0.0.52", "shared.example.org")))


def in_turn(evidence: Evidence, host: str) -> Verdict:
    asked = evidence.at(host)
    between = [after.at - before.until for before, after in pairwise(asked)]
    shortest = min(between, default=-1.0)
    paths = {one.path for one in asked}
    good = len(paths) == 4 and shortest >= HOST_DELAY - SLACK  # noqa: PLR2004  # all four
    text = f"{len(asked)} requests to {len(paths)} paths, shortest pause {shortest:.3f} s"
    return good, f"{host}: {text}"


HERD = 30
HERD_INTERVAL = 8.0


@check(
    21,
    "the first polls of many sources are spread over the interval",
    *(
        Source(
            key=f"herd-{number}",
            host=f"127.0.1.{number + 1}",
            path="/feed",
            script=[ok(ETag='"1"'), answer(304)],
            interval=f"{HERD_INTERVAL:g}s",
            file="herd",
        )
        for number in range(HERD)
    ),
)
def herd(evidence: Evidence) -> Verdict:
    keys = [f"herd-{number}" for number in range(HERD)]
    firsts = sorted(polls[0].at for key in keys if (polls := evidence.polls(key, "herd")))
    busiest = max((sum(at <= one < at + 1 for one in firsts) for at in firsts), default=0)
    span = firsts[-1] - firsts[0] if firsts else 0.0
    good = len(firsts) == HERD and busiest <= HERD / 3
    return good, f"{len(firsts)} first polls within {span:.1f} s, {busiest} in the busiest second"


@check(
    22,
    "a manual refresh heeds Retry-After, and the host's rest after another process's request",
    Source(key="manual-paused", host="127.0.0.69", path="/feed", script=PAUSED_LONG),
    Source(
        key="manual", host="127.0.0.70", path="/feed", script=BUSY, interval="1h", file="by-hand"
    ),
)
def manual(evidence: Evidence) -> Verdict:
    paused = len(evidence.polls("manual-paused", "manual-paused"))
    begun = "manual-1" in evidence.acts and bool(evidence.polls("manual-paused"))
    first, second = (evidence.polls("manual", f"manual-{number}") for number in (1, 2))
    between = second[0].at - first[-1].at if first and second else 0.0
    return every(
        (begun and paused == 0, f"paused: {paused} requests"),
        (
            len(first) == len(second) == 1 and between >= BY_HAND_DELAY - SLACK,
            f"two refreshes in a row: {between:.1f} s between them, of {BY_HAND_DELAY:g}",
        ),
    )


CHECKS: tuple[Check, ...] = (pauses, turns, herd, manual)
