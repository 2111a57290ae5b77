from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.model import Wishes
from aggregator.core.schedule import (
    GONE_INTERVAL,
    LONGEST_BACKOFF,
    NextPoll,
    in_words,
    next_poll,
)
from aggregator.core.wire import Answer, Failed, Fetched, Gone, NotModified, Validators
from tests.builders import NOON

HOUR = timedelta(hours=1)
OK = Fetched(url="", status=200, body=b"", content_type="", validators=Validators())


def upcoming(answer: Answer, **changes) -> NextPoll:
    facts = {
        "now": NOON,
        "interval": HOUR,
        "failures": 0,
        "gone_count": 0,
        "wishes": Wishes(),
        "chance": 0.0,
    }
    return next_poll(answer, **{**facts, **changes})


def wait(answer: Answer, **changes) -> timedelta:
    return upcoming(answer, **changes).at - NOON


def fetched(fresh_for: timedelta | None) -> Fetched:
    return replace(OK, fresh_for=fresh_for)


def failed(status: int | None = None, retry_after: timedelta | None = None) -> Failed:
    return Failed(kind="http", reason="no", status=status, retry_after=retry_after)


@pytest.mark.parametrize("answer", [OK, NotModified(validators=Validators())])
def test_a_good_poll_is_repeated_after_the_interval(answer):
    assert wait(answer) == HOUR
    assert HOUR < wait(answer, chance=0.99) < HOUR * 1.1


def test_failures_double_the_wait_up_to_a_day_and_never_end_it():
    waits = [wait(failed(500), failures=n) for n in (1, 2, 3, 4, 50, 10_000)]

    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, LONGEST_BACKOFF, LONGEST_BACKOFF]


def test_a_failing_source_with_a_long_interval_keeps_it():
    assert wait(failed(500), interval=timedelta(days=3), failures=4) == timedelta(days=3)


@pytest.mark.parametrize("status", [429, 503])
def test_nothing_is_asked_before_the_servers_retry_after(status):
    paused = upcoming(failed(status, 5 * HOUR), chance=0.5)

    assert paused.at >= NOON + 5 * HOUR
    assert paused.paused_until == NOON + 5 * HOUR
    assert str(status) in paused.reason


def test_a_short_retry_after_does_not_shorten_the_interval():
    assert wait(failed(429, timedelta(seconds=1))) >= HOUR


def test_a_503_without_retry_after_is_a_failure_like_any_other():
    assert wait(failed(503), failures=3) == 4 * HOUR


def test_gone_is_confirmed_once_and_then_looked_at_weekly():
    assert wait(Gone(), gone_count=1) == HOUR
    assert wait(Gone(), gone_count=2) == GONE_INTERVAL


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


answers = st.one_of(
    st.builds(fetched, st.none() | st.timedeltas(timedelta(0), timedelta(days=10**6))),
    st.just(Gone()),
    st.builds(
        failed,
        st.sampled_from([None, 404, 429, 500, 503]),
        st.none() | st.timedeltas(timedelta(0), timedelta(days=10**6)),
    ),
)
intervals = st.timedeltas(timedelta(milliseconds=10), timedelta(days=30))


all_wishes = st.builds(
    Wishes,
    ttl=st.none() | st.timedeltas(timedelta(0), timedelta(days=366)),
    skip_hours=st.lists(st.integers(0, 23)).map(tuple),
    skip_days=st.lists(st.integers(0, 6)).map(tuple),
)


@given(
    answers, intervals, st.integers(0, 10**6), st.integers(0, 5), all_wishes, st.floats(0, 0.999)
)
def test_it_never_hammers_and_never_forgets(answer, interval, failures, gone_count, wishes, chance):
    waited = wait(
        answer,
        interval=interval,
        failures=failures,
        gone_count=gone_count,
        wishes=wishes,
        chance=chance,
    )
    a_week_of_skipped_hours = timedelta(days=7)

    assert interval <= waited
    assert waited <= max(interval, timedelta(days=7)) * 1.2 + a_week_of_skipped_hours


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
