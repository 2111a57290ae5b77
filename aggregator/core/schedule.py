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
from dataclasses import dataclass, replace
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

OFTEN_ENOUGH = timedelta(days=1)
"""A whole document a day is no burden."""

QUIET_SHARE = 1 / 12
"""Of the time since such a source brought something new, the next wait: after a day two hours."""

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
        case Gone() if standing.gone_count >= CONFIRMED_GONE:
            wait = max(interval, WEEK)
            planned = NextPoll(at=now + wait, reason=f"gone; a look every {in_words(wait)}")
        case Gone():
            planned = NextPoll(at=now + interval, reason="gone; one more poll to confirm")
        case Failed() if asks_for_a_pause(answer):
            return _paused(answer, now, interval, standing.throttles, chance)
        case Failed():
            wait = backoff(interval, standing.failures)
            count = standing.failures
            times = "once" if count == 1 else f"{count} times in a row"
            planned = NextPoll(at=now + wait, reason=f"failed {times}; waiting {in_words(wait)}")
    asked_for = _not_before(planned, now, answer)
    return _later(asked_for, (asked_for.at - now) * FAILURE_JITTER * chance)


def after_outage(*, now: datetime, interval: timedelta, chance: float) -> NextPoll:
    """Soon, and spread over some minutes, so that not all come at once when the network is back."""
    wait = min(interval, SHORTEST_OUTAGE + chance * (LONGEST_OUTAGE - SHORTEST_OUTAGE))
    return NextPoll(at=now + wait, reason="nothing can be reached: our own network seems down")


def spread(intervals: Sequence[timedelta]) -> list[timedelta]:
    """How long each of these overdue sources waits, so that they do not come as a herd.

    One after the other, and each within its own interval.
    """
    count = len(intervals)
    if count < FEWEST_OF_A_HERD:
        return [timedelta()] * count
    whole = count * GAP_OF_A_HERD
    return [min(interval, whole) * place / count for place, interval in enumerate(intervals)]


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
    asked = _asked(answer, now, standing.wishes)
    latest = max((usual, *asked, *_whole_documents(now, pace, standing)), key=lambda one: one.at)
    at = latest.at + pace.shortest * JITTER * chance
    allowed = _out_of_skipped(at, standing.wishes)
    is_put_off = allowed != at
    return NextPoll(
        at=allowed,
        reason=f"{latest.reason}, and skips hours or days" if is_put_off else latest.reason,
        paused_until=_pause_end(answer, now),
        not_before=allowed if is_put_off else max([now, *(one.at for one in asked)]),
    )


def _usual(now: datetime, pace: Pace, habits: Habits | None) -> NextPoll:
    if habits is None or pace.longest <= pace.shortest:
        return NextPoll(at=now + pace.shortest, reason=f"every {in_words(pace.shortest)}")
    return habitual_poll(habits, now=now, pace=pace)


def _pushed(now: datetime, pace: Pace) -> NextPoll:
    wait = max(pace.longest, SAFETY_INTERVAL)
    return NextPoll(
        at=now + wait, reason=f"its hub pushes; a look every {in_words(wait)} all the same"
    )


def _asked(answer: Fetched | NotModified, now: datetime, wishes: Wishes) -> list[NextPoll]:
    """The times before which the source or its server does not want to be polled."""
    spans = (
        (wishes.ttl, LONGEST_WISH, "the source asks for a poll every"),
        (answer.fresh_for, LONGEST_WISH, "the server calls its answer fresh for"),
        (answer.retry_after, LONGEST_PAUSE, "the server asks for a pause of"),
    )
    return [
        NextPoll(at=now + min(span, most), reason=f"{what} {in_words(min(span, most))}")
        for span, most, what in spans
        if span  # most ask for nothing
    ]


def _whole_documents(now: datetime, pace: Pace, standing: Standing) -> list[NextPoll]:
    if standing.conditional:
        return []
    least = max(pace.shortest, min(UNCONDITIONAL * pace.shortest, OFTEN_ENOUGH))
    wait = max(least, min(standing.quiet_for * QUIET_SHARE, pace.unconditional))
    reason = f"every {in_words(wait)}: the server sends the whole document each time"
    return [NextPoll(at=now + wait, reason=reason)]


def _pause_end(answer: Answer, now: datetime) -> datetime | None:
    return now + min(answer.retry_after, LONGEST_PAUSE) if answer.retry_after else None


def _out_of_skipped(at: datetime, wishes: Wishes) -> datetime:
    """The next moment outside the skipped hours and days; `at` itself where they leave none."""
    if not (wishes.skip_hours or wishes.skip_days):
        return at
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
    """As long as the server asks, and longer each time: some ask for a second for ever."""
    asked = min(answer.retry_after or timedelta(), LONGEST_PAUSE)
    base = interval if answer.retry_after is not None else max(DEFAULT_PAUSE, interval)
    wait = max(asked, min(_doubled(base, throttles), max(LONGEST_BACKOFF, interval)))
    # Never before the server's word, hence the jitter only on top.
    return NextPoll(
        at=now + wait * (1 + FAILURE_JITTER * chance),
        reason=f"the server answered {answer.status}, asking for a pause; waiting {in_words(wait)}",
        paused_until=now + (asked if answer.retry_after is not None else wait),
    )


def _not_before(planned: NextPoll, now: datetime, answer: Gone | Failed) -> NextPoll:
    until = _pause_end(answer, now)
    if until is None or planned.at >= until:
        return replace(planned, paused_until=until)
    reason = f"{planned.reason}; the server asks for a pause of {in_words(until - now)}"
    return NextPoll(at=until, reason=reason, paused_until=until)


def _later(planned: NextPoll, span: timedelta) -> NextPoll:
    return replace(planned, at=planned.at + span)
