"""When to poll a source next, and why. Times are the steady clock's.

Rule 1: never sooner than the configured interval; nothing that a source says shortens it.
Rule 2: a source that answers well is polled by its rhythm, and later where it asks for that; one
        whose server knows no conditional requests costs a whole document each time, and is asked
        less often.
Rule 3: failures double the wait up to a day, and after a month of days to a week; no source is
        ever given up.
Rule 4: a server's Retry-After holds, with whatever status it comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.core.model import Wishes
from aggregator.core.rhythm import Habits, Pace, habitual_poll
from aggregator.core.upcoming import NextPoll, in_words
from aggregator.core.wire import Answer, Failed, Fetched, Gone, NotModified

JITTER = 0.03
"""Waits grow by up to this share of the interval, so that sources stay apart; a share of a long
wait would miss the hours that the rhythm has found."""

FAILURE_JITTER = 0.1
"""Of the wait: what failed together must not come back together."""

LONGEST_BACKOFF = timedelta(days=1)
DAILY_FAILURES = 30
"""Failures in a row after which a source is looked at weekly."""

WEEK = timedelta(days=7)

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
"""What a 429 without Retry-After asks for; the next one in a row for twice as much."""

UNCONDITIONAL = 2
"""Intervals, at the least, between two polls that fetch the whole document in any case."""

QUIET_SHARE = 1 / 12
"""Of the time since such a source brought something new, the next wait: after a day two hours."""

LONGEST_UNCONDITIONAL = timedelta(days=1)

SAFETY_INTERVAL = timedelta(days=1)
"""At least, between two polls of a source whose hub pushes."""

GAP_OF_A_HERD = timedelta(milliseconds=250)
FEWEST_OF_A_HERD = 11
"""Fewer polls may all start at once."""

TOO_MANY_REQUESTS = 429
SERVICE_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a source after a poll; the counts are in a row and include this poll."""

    failures: int = 0
    throttles: int = 0
    """Answers that asked for a pause."""
    gone_count: int = 0
    wishes: Wishes
    habits: Habits | None = None
    quiet_for: timedelta = timedelta()
    """Since it last brought something new."""
    conditional: bool = True
    """Whether its server answers conditional requests."""
    pushed: bool = False
    """Whether a hub tells us of its news (WebSub): then polls are but a safety net."""


def next_poll(
    answer: Answer, *, now: datetime, pace: Pace, standing: Standing, chance: float
) -> NextPoll:
    """`chance` is in [0, 1)."""
    interval = pace.shortest
    match answer:
        case Fetched() | NotModified():
            return _after_success(answer, now, pace, standing, chance)
        case Gone(retry_after=asked) if standing.gone_count >= CONFIRMED_GONE:
            wait = max(interval, WEEK)
            planned = NextPoll(at=now + wait, reason=f"gone; a look every {in_words(wait)}")
        case Gone(retry_after=asked):
            planned = NextPoll(at=now + interval, reason="gone; one more poll to confirm")
        case Failed() if asks_for_a_pause(answer):
            return _paused(answer, now, interval, standing.throttles, chance)
        case Failed(retry_after=asked):
            wait = backoff(interval, standing.failures)
            count = standing.failures
            times = "once" if count == 1 else f"{count} times in a row"
            planned = NextPoll(at=now + wait, reason=f"failed {times}; waiting {in_words(wait)}")
    asked_for = _not_before(planned, now, asked)
    return _later(asked_for, (asked_for.at - now) * FAILURE_JITTER * chance)


def after_outage(*, now: datetime, interval: timedelta, chance: float) -> NextPoll:
    """Soon, and spread over some minutes, so that not all come at once when the network is back."""
    wait = min(interval, SHORTEST_OUTAGE + chance * (LONGEST_OUTAGE - SHORTEST_OUTAGE))
    return NextPoll(at=now + wait, reason="nothing can be reached: our own network seems down")


def spread(intervals: Sequence[timedelta]) -> list[timedelta]:
    """How long each of these overdue sources waits, so that they do not come as a herd.

    One after the other, within the shortest of their intervals.
    """
    if len(intervals) < FEWEST_OF_A_HERD:
        return [timedelta()] * len(intervals)
    gap = min(GAP_OF_A_HERD, min(intervals) / len(intervals))
    return [gap * place for place in range(len(intervals))]


def asks_for_a_pause(answer: Answer) -> bool:
    """Whether the server is up and asks for less; that is no failure of the source."""
    if not isinstance(answer, Failed):
        return False
    asked_to_wait = answer.status == SERVICE_UNAVAILABLE and answer.retry_after is not None
    return answer.status == TOO_MANY_REQUESTS or asked_to_wait


def backoff(interval: timedelta, failures: int) -> timedelta:
    """Doubles with each failure after the first; never shorter than the interval."""
    if failures > DAILY_FAILURES:
        return max(interval, WEEK)
    return max(interval, min(_doubled(interval, failures), LONGEST_BACKOFF))


def _doubled(span: timedelta, count: int) -> timedelta:
    return span * (1 << min(max(count - 1, 0), 20))


def _after_success(
    answer: Fetched | NotModified, now: datetime, pace: Pace, standing: Standing, chance: float
) -> NextPoll:
    """The usual time, or a later one that the source asks for or costs us."""
    usual = _pushed(now, pace) if standing.pushed else _usual(now, pace, standing.habits)
    latest = max(
        (usual, *_reasons_to_wait(answer, now, pace.shortest, standing)), key=lambda one: one.at
    )
    planned = _later(latest, pace.shortest * JITTER * chance)
    allowed = _out_of_skipped(planned.at, standing.wishes)
    if allowed == planned.at:
        return planned
    return NextPoll(at=allowed, reason=f"{planned.reason}, and skips the hours until then")


def _usual(now: datetime, pace: Pace, habits: Habits | None) -> NextPoll:
    if habits is None or pace.longest <= pace.shortest:
        return NextPoll(at=now + pace.shortest, reason=f"every {in_words(pace.shortest)}")
    return habitual_poll(habits, now=now, pace=pace)


def _pushed(now: datetime, pace: Pace) -> NextPoll:
    wait = max(pace.longest, SAFETY_INTERVAL)
    return NextPoll(
        at=now + wait, reason=f"its hub pushes; a look every {in_words(wait)} all the same"
    )


def _reasons_to_wait(
    answer: Fetched | NotModified, now: datetime, interval: timedelta, standing: Standing
) -> list[NextPoll]:
    fresh = min(answer.fresh_for or timedelta(), LONGEST_WISH)
    ttl = min(standing.wishes.ttl or timedelta(), LONGEST_WISH)
    asked = min(answer.retry_after or timedelta(), LONGEST_PAUSE)
    waits = [
        (ttl, f"the source asks for a poll every {in_words(ttl)}"),
        (fresh, f"the server calls its answer fresh for {in_words(fresh)}"),
        (asked, f"the server asks for a pause of {in_words(asked)}"),
    ]
    if not standing.conditional:
        wait = _unconditional(interval, standing.quiet_for)
        words = f"every {in_words(wait)}: the server sends the whole document each time"
        waits.append((wait, words))
    return [NextPoll(at=now + wait, reason=reason) for wait, reason in waits]


def _unconditional(interval: timedelta, quiet_for: timedelta) -> timedelta:
    least = UNCONDITIONAL * interval
    return max(least, min(quiet_for * QUIET_SHARE, LONGEST_UNCONDITIONAL))


def _out_of_skipped(at: datetime, wishes: Wishes) -> datetime:
    """The next moment outside the skipped hours and days; `at` itself where they leave none."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    for later in range(7 * 24):
        candidate = hour + timedelta(hours=later)
        if candidate.hour not in wishes.skip_hours and candidate.weekday() not in wishes.skip_days:
            # Into the hour, so that sources with the same skipped hours do not wake together.
            return candidate + (at - hour)
    return at


def _paused(
    answer: Failed, now: datetime, interval: timedelta, throttles: int, chance: float
) -> NextPoll:
    own = min(_doubled(max(DEFAULT_PAUSE, interval), throttles), max(LONGEST_BACKOFF, interval))
    asked = own if answer.retry_after is None else answer.retry_after
    pause = min(asked, LONGEST_PAUSE)
    until = now + pause
    reason = f"the server answered {answer.status} and asks for a pause of {in_words(pause)}"
    wait = max(pause, interval)
    # Never before the server's word, hence the jitter only on top of the longer wait.
    at = now + wait * (1 + FAILURE_JITTER * chance)
    return NextPoll(at=at, reason=reason, paused_until=until)


def _not_before(planned: NextPoll, now: datetime, asked: timedelta | None) -> NextPoll:
    pause = min(asked or timedelta(), LONGEST_PAUSE)
    if planned.at >= now + pause:
        return planned
    return NextPoll(
        at=now + pause,
        reason=f"{planned.reason}; the server asks for a pause of {in_words(pause)}",
    )


def _later(planned: NextPoll, span: timedelta) -> NextPoll:
    return NextPoll(at=planned.at + span, reason=planned.reason)
