from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.schedule import GONE_INTERVAL, LONGEST_BACKOFF, in_words, next_poll
from aggregator.core.wire import Answer, Failed, Fetched, Gone, NotModified, Validators
from tests.builders import NOON

HOUR = timedelta(hours=1)
OK = Fetched(url="", status=200, body=b"", content_type="", validators=Validators())


def wait(answer: Answer, *, interval=HOUR, failures=0, gone_count=0, chance=0.0) -> timedelta:
    upcoming = next_poll(
        answer, now=NOON, interval=interval, failures=failures, gone_count=gone_count, chance=chance
    )
    return upcoming.at - NOON


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
    upcoming = next_poll(
        failed(status, 5 * HOUR), now=NOON, interval=HOUR, failures=0, gone_count=0, chance=0.5
    )

    assert upcoming.at >= NOON + 5 * HOUR
    assert upcoming.paused_until == NOON + 5 * HOUR
    assert "429" in upcoming.reason or "503" in upcoming.reason


def test_a_short_retry_after_does_not_shorten_the_interval():
    assert wait(failed(429, timedelta(seconds=1))) >= HOUR


def test_a_503_without_retry_after_is_a_failure_like_any_other():
    assert wait(failed(503), failures=3) == 4 * HOUR


def test_gone_is_confirmed_once_and_then_looked_at_weekly():
    assert wait(Gone(), gone_count=1) == HOUR
    assert wait(Gone(), gone_count=2) == GONE_INTERVAL


answers = st.one_of(
    st.just(OK),
    st.just(Gone()),
    st.builds(
        failed,
        st.sampled_from([None, 404, 429, 500, 503]),
        st.none() | st.timedeltas(timedelta(0), timedelta(days=10**6)),
    ),
)
intervals = st.timedeltas(timedelta(milliseconds=10), timedelta(days=30))


@given(answers, intervals, st.integers(0, 10**6), st.integers(0, 5), st.floats(0, 0.999))
def test_it_never_hammers_and_never_forgets(answer, interval, failures, gone_count, chance):
    waited = wait(
        answer, interval=interval, failures=failures, gone_count=gone_count, chance=chance
    )

    assert interval <= waited <= (max(interval, timedelta(days=7)) * 1.2)


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
