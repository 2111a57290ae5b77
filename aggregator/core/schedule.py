"""When to poll a source next, and why. Times are the steady clock's."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.core.model import Wishes
from aggregator.core.wire import Answer, Failed, Fetched, Gone, NotModified

JITTER = 0.1
"""Waits grow by up to this share, so that sources added together do not stay together."""

LONGEST_BACKOFF = timedelta(days=1)
GONE_INTERVAL = timedelta(days=7)
CONFIRMED_GONE = 2
"""410s in a row that make a source gone."""

LONGEST_PAUSE = timedelta(days=7)
"""A longer Retry-After is taken for a mistake of the server."""

SHORTEST_OUTAGE = timedelta(minutes=1)
LONGEST_OUTAGE = timedelta(minutes=5)
"""Bounds of the wait while our own network is down."""

LONGEST_WISH = timedelta(days=7)
"""A source that asks for less than a poll a week is polled weekly all the same."""

DEFAULT_PAUSE = timedelta(hours=1)
"""What a 429 without Retry-After asks for."""

TOO_MANY_REQUESTS = 429
SERVICE_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class NextPoll:
    """When, and why in words for people. `paused_until` is a server's wish that outlives `at`."""

    at: datetime
    reason: str
    paused_until: datetime | None = None


def next_poll(
    answer: Answer,
    *,
    now: datetime,
    interval: timedelta,
    failures: int,
    gone_count: int,
    wishes: Wishes,
    chance: float,
) -> NextPoll:
    """`failures` and `gone_count` include this answer; `chance` is in [0, 1)."""
    spread = 1 + JITTER * chance
    match answer:
        case Fetched(fresh_for=fresh_for) | NotModified(fresh_for=fresh_for):
            return _as_wished(now, interval, fresh_for or timedelta(), wishes, spread)
        case Gone() if gone_count >= CONFIRMED_GONE:
            wait = max(interval, GONE_INTERVAL)
            return NextPoll(at=now + wait * spread, reason=f"gone; a look every {in_words(wait)}")
        case Gone():
            return NextPoll(at=now + interval * spread, reason="gone; one more poll to confirm")
        case Failed() if asks_for_a_pause(answer):
            return _paused(answer, now, interval, spread)
        case Failed():
            wait = backoff(interval, failures)
            times = "once" if failures == 1 else f"{failures} times in a row"
            return NextPoll(
                at=now + wait * spread, reason=f"failed {times}; waiting {in_words(wait)}"
            )


def after_outage(*, now: datetime, interval: timedelta, chance: float) -> NextPoll:
    """Soon, and spread over some minutes, so that not all come at once when the network is back."""
    wait = min(interval, SHORTEST_OUTAGE + chance * (LONGEST_OUTAGE - SHORTEST_OUTAGE))
    return NextPoll(at=now + wait, reason="nothing can be reached: our own network seems down")


def asks_for_a_pause(answer: Answer) -> bool:
    """Whether the server is up and asks for less; that is no failure of the source."""
    if not isinstance(answer, Failed):
        return False
    asked_to_wait = answer.status == SERVICE_UNAVAILABLE and answer.retry_after is not None
    return answer.status == TOO_MANY_REQUESTS or asked_to_wait


def backoff(interval: timedelta, failures: int) -> timedelta:
    """Doubles with each failure after the first, up to a day; never shorter than the interval."""
    doubled = interval * (1 << min(max(failures - 1, 0), 20))
    return max(interval, min(doubled, LONGEST_BACKOFF))


def _as_wished(
    now: datetime, interval: timedelta, fresh_for: timedelta, wishes: Wishes, spread: float
) -> NextPoll:
    """The configured interval, or longer where the source asks for it."""
    fresh, ttl = min(fresh_for, LONGEST_WISH), min(wishes.ttl or timedelta(), LONGEST_WISH)
    wait = max(interval, fresh, ttl)
    if wait == interval:
        reason = f"every {in_words(wait)}"
    elif wait == fresh:
        reason = f"the server calls its answer fresh for {in_words(wait)}"
    else:
        reason = f"the source asks for a poll every {in_words(wait)}"
    at = now + wait * spread
    allowed = _out_of_skipped(at, wishes)
    return NextPoll(
        at=allowed, reason=reason if allowed == at else f"{reason}, and skips the hours until then"
    )


def _out_of_skipped(at: datetime, wishes: Wishes) -> datetime:
    """The next moment outside the skipped hours and days; `at` itself where they leave none."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    for later in range(7 * 24):
        candidate = hour + timedelta(hours=later)
        if candidate.hour not in wishes.skip_hours and candidate.weekday() not in wishes.skip_days:
            # Into the hour, so that sources with the same skipped hours do not wake together.
            return candidate + (at - hour)
    return at


def _paused(answer: Failed, now: datetime, interval: timedelta, spread: float) -> NextPoll:
    pause = min(answer.retry_after or max(DEFAULT_PAUSE, interval), LONGEST_PAUSE)
    until = now + pause
    # Never before the server's word, hence the jitter only on top of the longer wait.
    return NextPoll(
        at=max(until, now + interval) + max(pause, interval) * (spread - 1),
        reason=f"the server answered {answer.status} and asks for a pause of {in_words(pause)}",
        paused_until=until,
    )


def in_words(span: timedelta) -> str:
    """Such as 1h, 2h 30m, 1m 30s or 0.5s: the two largest units."""
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds:g}s"
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:.0f}{unit}")
    return " ".join(parts[:2])
