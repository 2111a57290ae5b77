from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.model import Wishes
from aggregator.core.rhythm import Pace, Sighting, learn
from aggregator.core.schedule import (
    DAILY_FAILURES,
    GAP_OF_A_HERD,
    LONGEST_BACKOFF,
    LONGEST_PAUSE,
    WEEK,
    Standing,
    next_poll,
    spread,
)
from aggregator.core.upcoming import NextPoll, in_words
from aggregator.core.wire import Answer, Failed, Fetched, Gone, NotModified, Validators
from tests.builders import NOON

HOUR = timedelta(hours=1)
OK = Fetched(url="", status=200, body=b"", content_type="", validators=Validators())


def upcoming(answer: Answer, **changes) -> NextPoll:
    """`changes` go to the standing, but for the interval, the ceiling and the chance."""
    interval = changes.pop("interval", HOUR)
    longest = changes.pop("longest", interval)
    unconditional = changes.pop("unconditional", timedelta(days=1))
    chance = changes.pop("chance", 0.0)
    standing = Standing(**{"wishes": Wishes(), **changes})
    pace = Pace(shortest=interval, longest=longest, unconditional=unconditional)
    return next_poll(answer, now=NOON, pace=pace, standing=standing, chance=chance)


def wait(answer: Answer, **changes) -> timedelta:
    return upcoming(answer, **changes).at - NOON


def fetched(fresh_for: timedelta | None) -> Fetched:
    return replace(OK, fresh_for=fresh_for)


def failed(status: int | None = None, retry_after: timedelta | None = None) -> Failed:
    return Failed(kind="http", reason="no", status=status, retry_after=retry_after)


@pytest.mark.parametrize("answer", [OK, NotModified(validators=Validators())])
def test_a_good_poll_is_repeated_after_the_interval(answer):
    assert wait(answer) == HOUR
    assert HOUR < wait(answer, chance=0.99) < HOUR * 1.03


def test_failures_double_the_wait_up_to_a_day_then_to_a_week_and_never_end_it():
    waits = [wait(failed(500), failures=n) for n in (1, 2, 3, 4, 20, DAILY_FAILURES + 1, 10_000)]

    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, LONGEST_BACKOFF, WEEK, WEEK]


def test_what_failed_together_does_not_come_back_together():
    assert wait(failed(500), failures=1, chance=0.9) == HOUR * 1.09


def test_a_failing_source_with_a_long_interval_keeps_it():
    assert wait(failed(500), interval=timedelta(days=3), failures=4) == timedelta(days=3)


ASKING: list[Answer] = [
    failed(404, 5 * HOUR),
    Gone(retry_after=5 * HOUR),
    replace(OK, retry_after=5 * HOUR),
    NotModified(validators=Validators(), retry_after=5 * HOUR),
]


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_asked_before_the_servers_retry_after(status):
    paused = upcoming(failed(status, 5 * HOUR), chance=0.5)

    assert paused.at >= NOON + 5 * HOUR
    assert paused.paused_until == NOON + 5 * HOUR
    assert "5h" in paused.reason
    assert str(status) in paused.reason


def test_a_retry_after_holds_with_any_status():
    waits = [upcoming(answer, failures=1, gone_count=1) for answer in ASKING]

    assert {one.at - NOON for one in waits} == {5 * HOUR}
    assert all("asks for a pause of 5h" in one.reason for one in waits)


def test_a_poll_by_hand_is_told_of_the_pause_and_a_reload_of_every_wish():
    paused = upcoming(replace(OK, retry_after=5 * HOUR, fresh_for=9 * HOUR))
    failing = upcoming(failed(404, 5 * HOUR), failures=9)

    assert (paused.paused_until, paused.not_before) == (NOON + 5 * HOUR, NOON + 9 * HOUR)
    assert failing.paused_until == NOON + 5 * HOUR
    assert upcoming(OK).paused_until is None


def test_a_server_that_asks_for_a_second_for_ever_is_asked_less_and_less():
    waits = [wait(failed(503, timedelta(seconds=1)), throttles=n) for n in (1, 2, 3, 99)]

    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, LONGEST_BACKOFF]


def test_a_429_without_a_word_asks_for_an_hour_and_the_next_for_two():
    waits = [wait(failed(429), throttles=n) for n in (1, 2, 3, 100)]

    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, LONGEST_BACKOFF]


def test_a_short_retry_after_does_not_shorten_the_interval():
    assert wait(failed(429, timedelta(seconds=1))) >= HOUR


def test_a_503_without_retry_after_is_a_failure_like_any_other():
    assert wait(failed(503), failures=3) == 4 * HOUR


def test_gone_is_confirmed_once_and_then_looked_at_weekly():
    assert wait(Gone(), gone_count=1) == HOUR
    assert wait(Gone(), gone_count=2) == WEEK


def test_an_answer_that_is_fresh_for_longer_is_not_asked_for_again_before():
    assert wait(fetched(6 * HOUR)) == 6 * HOUR
    assert wait(NotModified(validators=Validators(), fresh_for=6 * HOUR)) == 6 * HOUR
    assert upcoming(fetched(6 * HOUR)).reason == "the server calls its answer fresh for 6h"


def test_a_source_never_makes_us_poll_more_often_than_configured():
    assert wait(fetched(HOUR / 60), wishes=Wishes(ttl=HOUR / 60)) == HOUR


def test_a_source_may_ask_for_fewer_polls():
    asked = upcoming(OK, wishes=Wishes(ttl=3 * HOUR))

    assert (asked.at - NOON, asked.reason) == (3 * HOUR, "the source asks for a poll every 3h")


def test_nobody_can_ask_for_less_than_a_poll_a_week():
    assert wait(fetched(timedelta(days=365))) == timedelta(days=7)
    assert wait(OK, wishes=Wishes(ttl=timedelta(days=365))) == timedelta(days=7)


def test_skipped_hours_are_left_out():
    # NOON is a Sunday; an hour later it is one o'clock.
    skipping = upcoming(OK, wishes=Wishes(skip_hours=(13, 14)), interval=HOUR + HOUR / 6)

    assert skipping.at == NOON + 3 * HOUR + HOUR / 6
    assert "skips" in skipping.reason


def test_skipped_days_are_left_out():
    assert wait(OK, wishes=Wishes(skip_days=(6,))) == 12 * HOUR


def test_a_source_that_skips_everything_is_polled_all_the_same():
    assert wait(OK, wishes=Wishes(skip_hours=tuple(range(24)))) == HOUR


def test_a_server_without_conditional_requests_is_asked_half_as_often():
    asked = upcoming(OK, conditional=False)

    assert asked.at == NOON + 2 * HOUR
    assert asked.reason == "every 2h: the server sends the whole document each time"


def test_it_is_asked_less_the_longer_it_brings_nothing_new_but_daily():
    quiet = [timedelta(days=1), timedelta(days=3), timedelta(days=12), timedelta(days=999)]

    waits = [wait(OK, conditional=False, quiet_for=span) for span in quiet]

    assert waits == [2 * HOUR, 6 * HOUR, 24 * HOUR, 24 * HOUR]


def test_a_source_with_an_interval_of_its_own_is_asked_at_every_other_one():
    quiet = timedelta(days=99)
    asked = wait(OK, conditional=False, quiet_for=quiet, unconditional=2 * HOUR)

    assert asked == 2 * HOUR


def test_a_whole_document_a_day_is_no_burden():
    assert wait(OK, conditional=False, interval=timedelta(days=3)) == timedelta(days=3)
    assert wait(OK, conditional=False, interval=20 * HOUR) == timedelta(days=1)


def weekly(count: int = 30):
    """Habits of a source that publishes on Thursdays at three; NOON is a Sunday's."""
    times = [NOON - timedelta(days=7 * n + 3, hours=9) for n in range(count)]
    return learn([Sighting(at, at) for at in times], NOON)


def test_the_rhythm_moves_the_wait_up_to_the_longest_interval():
    asked = upcoming(OK, habits=weekly(), longest=24 * HOUR)

    assert HOUR < asked.at - NOON <= 24 * HOUR
    assert "a week" in asked.reason


def test_a_rhythm_does_not_count_where_the_interval_is_fixed():
    assert upcoming(OK, habits=weekly(), longest=HOUR).reason == "every 1h"


def test_a_wish_that_is_longer_than_the_rhythm_wins():
    asked = upcoming(
        fetched(timedelta(days=3)), habits=weekly(), longest=24 * HOUR, conditional=False
    )

    assert asked.at == NOON + timedelta(days=3)


def test_a_source_that_is_pushed_is_polled_daily_all_the_same():
    asked = upcoming(OK, pushed=True, habits=weekly(), longest=2 * HOUR)

    assert asked.at == NOON + timedelta(days=1)
    assert asked.reason == "its hub pushes; a look every 1d all the same"


def test_many_overdue_sources_come_one_after_the_other():
    waits = spread([HOUR] * 40)

    assert waits == [GAP_OF_A_HERD * place for place in range(40)]


def test_each_comes_within_its_own_interval_and_hurries_nobody_else():
    waits = spread([*[HOUR] * 39, timedelta(seconds=4)])

    assert waits[-1] < timedelta(seconds=4)
    assert waits[:-1] == [GAP_OF_A_HERD * place for place in range(39)]


def test_a_few_overdue_sources_come_at_once():
    assert set(spread([HOUR] * 10)) == {timedelta()}
    assert spread([]) == []


any_span = st.timedeltas(timedelta(0), timedelta(days=10**6))
answers = st.one_of(
    st.builds(
        replace, st.just(OK), fresh_for=st.none() | any_span, retry_after=st.none() | any_span
    ),
    st.builds(Gone, retry_after=st.none() | any_span),
    st.builds(
        failed,
        st.sampled_from([None, 404, 429, 500, 503]),
        st.none() | any_span,
    ),
)
intervals = st.timedeltas(timedelta(milliseconds=10), timedelta(days=30))


all_wishes = st.builds(
    Wishes,
    ttl=st.none() | st.timedeltas(timedelta(0), timedelta(days=366)),
    skip_hours=st.lists(st.integers(0, 23)).map(tuple),
    skip_days=st.lists(st.integers(0, 6)).map(tuple),
)


standings = st.fixed_dictionaries(
    {
        "failures": st.integers(0, 10**6),
        "throttles": st.integers(0, 10**6),
        "gone_count": st.integers(0, 5),
        "wishes": all_wishes,
        "quiet_for": any_span,
        "conditional": st.booleans(),
        "pushed": st.booleans(),
        "habits": st.sampled_from([None, weekly(2), weekly()]),
        "chance": st.floats(0, 0.999),
    }
)
A_WEEK_OF_SKIPPED_HOURS = timedelta(days=7)


@given(answers, intervals, st.integers(1, 24), standings)
def test_it_never_hammers_and_never_forgets(answer, interval, ceiling, standing):
    upcoming_poll = upcoming(answer, interval=interval, longest=interval * ceiling, **standing)

    waited = upcoming_poll.at - NOON
    assert interval <= waited
    assert waited <= max(interval * ceiling, WEEK) * 1.2 + A_WEEK_OF_SKIPPED_HOURS
    assert upcoming_poll.reason


@given(answers, intervals, standings)
def test_nothing_is_ever_asked_before_retry_after(answer, interval, standing):
    asked = answer.retry_after or timedelta()

    assert wait(answer, interval=interval, **standing) >= min(asked, LONGEST_PAUSE)


@given(st.lists(intervals, max_size=50))
def test_a_spread_delays_nobody_by_more_than_an_interval(spans):
    waits = spread(spans)

    assert len(waits) == len(spans)
    assert all(wait <= interval for wait, interval in zip(waits, spans, strict=True))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(hours=1), "1h"),
        (timedelta(minutes=150), "2h 30m"),
        (timedelta(seconds=90), "1m 30s"),
        (timedelta(milliseconds=500), "0.5s"),
        (timedelta(days=1, seconds=1), "1d 1s"),
    ],
)
def test_spans_are_said_in_words(span, words):
    assert in_words(span) == words
