"""Politeness checks of when it is asked."""

import gzip
from datetime import timedelta
from email.utils import format_datetime

from aggregator.clock import SystemClock
from benchmarks.politeness_cases import (
    PACE,
    SLACK,
    Check,
    Evidence,
    Source,
    Verdict,
    check,
    conditions,
    every,
    gaps,
    growing,
    no_request_before,
    told,
)
from benchmarks.politeness_server import Reply, Seen, answer, feed, ok

PAUSE = 4
"""Seconds that scripted servers ask for."""
FEW = 3
"""Polls without which a pace cannot be judged."""


@check(
    7,
    "never under the interval; a source without validators is asked less; the default is an hour",
    Source(key="has-etag", host="127.0.0.40", path="/feed", script=[ok(ETag='"1"'), answer(304)]),
    Source(key="has-none", host="127.0.0.41", path="/feed", script=[ok()]),
    Source(key="hourly", host="127.0.0.42", path="/feed", script=[ok(ETag='"1"')], interval=None),
)
def interval(evidence: Evidence) -> Verdict:
    with_etag, without = evidence.polls("has-etag"), evidence.polls("has-none")
    shortest = min([*gaps(with_etag), *gaps(without)], default=0.0)
    hourly = len(evidence.polls("hourly"))
    unconditional = min(gaps(without), default=0.0)
    return every(
        (shortest >= PACE - SLACK, f"shortest wait {shortest:.2f} s of {PACE}"),
        (
            FEW <= len(without) <= 0.6 * len(with_etag),
            f"{len(with_etag)} conditional and {len(without)} unconditional requests",
        ),
        (
            unconditional >= 2 * PACE - SLACK,
            f"shortest wait without validators {unconditional:.2f} s",
        ),
        (hourly == 1, f"default interval: {hourly} request"),
    )


def in_seconds(count: float) -> str:
    """The time then, as HTTP writes it."""
    moment = SystemClock().now() + timedelta(seconds=count)
    return format_datetime(moment, usegmt=True)


def expires(_seen: Seen, _number: int) -> Reply:
    return ok(Date=in_seconds(0), Expires=in_seconds(PAUSE))


def skipping(_seen: Seen, _number: int) -> Reply:
    hours = {(SystemClock().now().hour + more) % 24 for more in range(3)}
    listed = "".join(f"<hour>{hour}</hour>" for hour in sorted(hours))
    return ok(extra=f"<skipHours>{listed}</skipHours>")


HOURLY = "<sy:updatePeriod>hourly</sy:updatePeriod>"


@check(
    8,
    "max-age, Expires, ttl, sy: and skipHours lengthen the interval, and nothing shortens it",
    Source(
        key="max-age",
        host="127.0.0.43",
        path="/feed",
        script=[ok(Cache_Control=f"public, max-age={PAUSE}")],
    ),
    Source(key="expires", host="127.0.0.44", path="/feed", script=expires),
    Source(key="ttl", host="127.0.0.45", path="/feed", script=[ok(extra="<ttl>1</ttl>")]),
    Source(key="sy", host="127.0.0.46", path="/feed", script=[ok(extra=HOURLY)]),
    Source(key="skips", host="127.0.0.47", path="/feed", script=skipping),
    Source(
        key="stale",
        host="127.0.0.48",
        path="/feed",
        script=[ok(ETag='"1"', Cache_Control="max-age=0, must-revalidate"), answer(304)],
    ),
)
def wishes(evidence: Evidence) -> Verdict:
    counts = {key: len(evidence.polls(key)) for key in ("ttl", "sy", "skips")}
    stale = gaps(evidence.polls("stale"))
    return every(
        no_request_before(evidence.polls("max-age"), 0, PAUSE, "max-age"),
        # Expires counts in whole seconds.
        no_request_before(evidence.polls("expires"), 0, PAUSE - 1, "Expires"),
        (set(counts.values()) == {1}, f"requests {counts}"),
        (bool(stale) and min(stale) >= PACE - SLACK, f"max-age=0: waits {told(stale)}"),
    )


PAUSED_LONG = [answer(429, Retry_After="300")]


@check(
    11,
    "a restart asks nothing that is not due, and keeps validators and pauses",
    Source(key="resting", host="127.0.0.53", path="/feed", script=[ok()], interval="1h"),
    Source(key="paused", host="127.0.0.54", path="/feed", script=PAUSED_LONG),
    Source(key="kept", host="127.0.0.55", path="/feed", script=[ok(ETag='"kept"'), answer(304)]),
)
def restart(evidence: Evidence) -> Verdict:
    again = {key: len(evidence.polls(key, "restart")) for key in ("resting", "paused")}
    before = {key: len(evidence.polls(key)) for key in ("resting", "paused")}
    kept = {conditions(one)[0] for one in evidence.polls("kept", "restart")}
    return every(
        (set(before.values()) == {1}, f"before {before}"),
        (set(again.values()) == {0}, f"after {again}"),
        (kept == {'"kept"'}, f"validators after: {sorted(map(str, kept))}"),
    )


def broken(status: int) -> list[Reply]:
    return [answer(status)]


@check(
    15,
    "410 ends polling, 403, 404 and 5xx only slow it",
    Source(key="gone", host="127.0.0.56", path="/feed", script=broken(410)),
    Source(key="error-403", host="127.0.0.57", path="/feed", script=broken(403)),
    Source(key="error-404", host="127.0.0.58", path="/feed", script=broken(404)),
    Source(key="error-500", host="127.0.0.59", path="/feed", script=broken(500)),
    Source(key="error-503", host="127.0.0.60", path="/feed", script=broken(503)),
)
def errors(evidence: Evidence) -> Verdict:
    gone = len(evidence.polls("gone"))
    state = evidence.rows.get("gone", {}).get("state")
    return every(
        (1 <= gone <= FEW, f"410: {gone} requests"),
        (state == "gone", f"reported as {state}"),
        *(growing(evidence.polls(f"error-{code}")[1:], f"{code}") for code in (403, 404, 500, 503)),
    )


BOMB = gzip.compress(b" " * 60_000_000, 9)


@check(
    17,
    "time and size are bounded, and a source that hangs holds nobody up",
    Source(key="hangs", host="127.0.0.61", path="/feed", script=[Reply(manner="hang")]),
    Source(key="drips", host="127.0.0.62", path="/feed", script=[Reply(manner="drip")]),
    Source(key="endless", host="127.0.0.63", path="/feed", script=[Reply(manner="endless")]),
    Source(
        key="bomb",
        host="127.0.0.64",
        path="/feed",
        script=[Reply(headers=(("Content-Encoding", "gzip"),), body=BOMB)],
    ),
    Source(key="healthy", host="127.0.0.65", path="/feed", script=[ok(ETag='"1"'), answer(304)]),
)
def bounds(evidence: Evidence) -> Verdict:
    endless = max((one.sent for one in evidence.polls("endless")), default=-1)
    retried = {key: len(evidence.polls(key)) for key in ("hangs", "drips", "bomb")}
    healthy = gaps(evidence.polls("healthy")[1:])  # without the daemon's start
    said = {key: evidence.rows.get(key, {}).get("state") for key in ("hangs", "drips", "bomb")}
    return every(
        (0 <= endless < 20_000_000, f"endless body: {endless} bytes sent"),  # noqa: PLR2004  # half
        (min(retried.values()) > 1, f"tried again {retried}"),
        (set(said.values()) == {"failing"}, f"reported {said}"),
        (len(healthy) > FEW and max(healthy) < 4 * PACE, f"healthy: {told(sorted(healthy)[::-1])}"),
    )


def resetting(_seen: Seen, number: int) -> Reply:
    return Reply(manner="reset") if 1 <= number <= FEW else ok(ETag='"kept"')


@check(
    19,
    "a failure below HTTP backs off and keeps the validators (reset and TLS; DNS would leave here)",
    Source(key="resets", host="127.0.0.66", path="/feed", script=resetting),
    Source(key="no-tls", host="127.0.0.67", path="/feed", script=[ok()], scheme="https"),
)
def below_http(evidence: Evidence) -> Verdict:
    resets = evidence.polls("resets")
    kept = {conditions(one)[0] for one in resets[1:]}
    return every(
        growing(resets[1 : FEW + 2], "reset"),
        (kept == {'"kept"'}, f"validators {sorted(map(str, kept))}"),
        growing(evidence.polls("no-tls")[1:], "TLS"),
    )


PAGE = b"<!doctype html><html><head><title>This domain is for sale</title></head></html>"
HTML = (("Content-Type", "text/html"),)


def parked(_seen: Seen, number: int) -> Reply:
    if number == 0:
        return Reply(headers=(("ETag", '"feed"'),), body=feed("one", "two"))
    return Reply(headers=(*HTML, ("ETag", '"page"')), body=PAGE)


@check(
    20,
    "a page in place of a feed is a failure; entries and the feed's validators stay",
    Source(key="parked", host="127.0.0.68", path="/feed", script=parked),
)
def takeover(evidence: Evidence) -> Verdict:
    asked, row = evidence.polls("parked"), evidence.rows.get("parked", {})
    polls = [one for one in asked if conditions(one)[0] == '"feed"']
    # The first contact, and perhaps one look at what the page says of where the feed has gone.
    others = [conditions(one)[0] for one in asked if one not in polls]
    return every(
        growing(polls, "page"),
        (others in ([None], [None, None]), f"other validators {others}"),
        (
            row.get("state") == "failing" and row.get("entries") == 2,  # noqa: PLR2004  # as served
            f"reported {row.get('state')} with {row.get('entries')} entries",
        ),
    )


CHECKS: tuple[Check, ...] = (
    interval,
    wishes,
    restart,
    errors,
    bounds,
    below_http,
    takeover,
)
