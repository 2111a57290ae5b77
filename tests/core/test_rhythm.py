from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.rhythm import NEWEST, Bounds, Sighting, habitual_poll, learn
from aggregator.core.upcoming import NextPoll

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
BOUNDS = Bounds(interval=HOUR, floor=HOUR / 12, ceiling=DAY)
WIDE = Bounds(interval=HOUR, floor=timedelta(seconds=1), ceiling=60 * DAY)

MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9))]))
SIGHTINGS = st.lists(st.builds(Sighting, MOMENTS, st.none() | MOMENTS), max_size=60)
NOWS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
RECENT = st.lists(st.integers(0, 400 * 86400), min_size=5, max_size=60, unique=True)


def posted(*times: datetime) -> list[Sighting]:
    return [Sighting(first_seen=at, published=at) for at in times]


def nine_on_weekdays(weeks: int) -> list[datetime]:
    days = (MONDAY - DAY * day for day in range(1, 7 * weeks + 1))
    return [day + 9 * HOUR + day.day * HOUR / 60 for day in days if day.weekday() < 5]


def upcoming(times: list[datetime], now: datetime, bounds: Bounds = BOUNDS) -> NextPoll:
    return habitual_poll(learn(posted(*times), now), now=now, bounds=bounds)


def wait(times: list[datetime], now: datetime, bounds: Bounds = WIDE) -> timedelta:
    return upcoming(times, now, bounds).at - now


def polls(times: list[datetime], begin: datetime, end: datetime) -> list[datetime]:
    """As a scheduler would poll while nothing new is found."""
    habits, found, now = learn(posted(*times), begin), [], begin
    while (now := habitual_poll(habits, now=now, bounds=BOUNDS).at) < end:
        found.append(now)
    return found


@given(SIGHTINGS, NOWS, st.integers(1, 10**5), st.integers(1, 10**5), st.integers(0, 10**7))
def test_whatever_the_times_the_poll_lies_between_floor_and_ceiling(
    sightings, now, interval, floor, more
):
    bounds = Bounds(
        interval=timedelta(seconds=interval),
        floor=timedelta(seconds=floor),
        ceiling=timedelta(seconds=floor + more),
    )

    at = habitual_poll(learn(sightings, now), now=now, bounds=bounds).at

    assert now + bounds.floor <= at <= now + bounds.ceiling


@given(RECENT, st.integers(0, 168))
def test_habits_learned_earlier_say_the_same_as_habits_learned_now(ages, hours):
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    now = MONDAY + hours * HOUR

    earlier = habitual_poll(learn(posted(*times), MONDAY), now=now, bounds=WIDE)

    assert abs(earlier.at - upcoming(times, now, WIDE).at) < timedelta(seconds=1)


@given(RECENT, st.integers(1, 30))
def test_silence_never_brings_the_next_poll_nearer(ages, weeks):
    """At the same hour of the week, so that only the silence differs."""
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    habits = learn(posted(*times), MONDAY)
    later = MONDAY + timedelta(weeks=weeks)

    soon = habitual_poll(habits, now=MONDAY, bounds=WIDE).at - MONDAY

    assert habitual_poll(habits, now=later, bounds=WIDE).at - later >= soon - HOUR / 3600


@given(RECENT)
def test_a_longer_interval_never_makes_a_nearer_poll(ages):
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    longer = Bounds(interval=2 * HOUR, floor=WIDE.floor, ceiling=WIDE.ceiling)

    assert wait(times, MONDAY, longer) >= wait(times, MONDAY)


@given(RECENT, st.randoms(use_true_random=False))
def test_the_order_of_the_entries_does_not_matter(ages, random):
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    shuffled = random.sample(times, len(times))

    assert learn(posted(*times), MONDAY) == learn(posted(*shuffled), MONDAY)


@pytest.mark.parametrize("known", [0, 1, 4])
def test_few_entries_leave_the_configured_interval(known):
    times = [MONDAY - DAY * age for age in range(1, known + 1)]

    assert wait(times, MONDAY) == HOUR
    assert upcoming(times, MONDAY).reason == "every 1h; too few entries to learn"


def test_a_source_that_posts_at_nine_is_polled_shortly_after_nine_and_rarely_at_night():
    times = nine_on_weekdays(weeks=20)
    tuesday = polls(times, MONDAY + DAY, MONDAY + 2 * DAY)

    night = [at for at in tuesday if at.hour < 6]
    latest = MONDAY + DAY + 9 * HOUR + HOUR / 2
    assert len(night) <= 2
    assert any(latest < at < latest + HOUR / 4 for at in tuesday)


def test_a_source_that_posts_on_weekdays_is_polled_less_on_sunday():
    times = nine_on_weekdays(weeks=20)

    sunday = polls(times, MONDAY + 6 * DAY, MONDAY + 7 * DAY)

    assert len(sunday) < len(polls(times, MONDAY + DAY, MONDAY + 2 * DAY)) / 2


def test_an_entry_a_day_gets_the_configured_interval_and_eight_a_day_half_of_it():
    daily = [MONDAY - DAY * age for age in range(200)]
    busy = [MONDAY - DAY / 8 * age for age in range(200)]

    assert len(polls(daily, MONDAY, MONDAY + DAY)) == pytest.approx(24, abs=5)
    assert len(polls(busy, MONDAY, MONDAY + DAY)) == pytest.approx(48, abs=8)


def test_a_source_that_is_silent_for_months_slows_down_and_says_so():
    times = [MONDAY - DAY * age for age in range(90, 190)]

    assert wait(times, MONDAY) > 2 * wait(times, MONDAY - 90 * DAY)
    assert upcoming(times, MONDAY).reason == "silent for 90 days"


def test_a_burst_speeds_up():
    calm = [MONDAY - DAY * age for age in range(1, 30)]
    burst = [MONDAY - HOUR / 12 * step for step in range(20)]

    assert wait(calm + burst, MONDAY) < wait(calm, MONDAY) * 0.7


def test_a_batch_with_one_time_counts_once():
    times = [MONDAY - DAY * age for age in range(10)]

    assert learn(posted(*times), MONDAY) == learn(posted(*times * 30), MONDAY)


def test_entries_of_the_future_and_beyond_the_newest_teach_nothing():
    times = [MONDAY - HOUR * age for age in range(NEWEST)]
    others = [MONDAY + DAY, MONDAY - 900 * DAY]

    assert learn(posted(*times, *others), MONDAY) == learn(posted(*times), MONDAY)


def test_a_date_that_is_missing_or_too_late_is_when_we_first_saw_the_entry():
    seen = [MONDAY - DAY * age for age in range(10)]
    undated = [Sighting(first_seen=at) for at in seen]
    ahead = [Sighting(first_seen=at, published=at + DAY) for at in seen]

    assert learn(undated, MONDAY) == learn(ahead, MONDAY) == learn(posted(*seen), MONDAY)


def test_a_bare_day_is_no_habit_of_posting_at_midnight():
    seen = [MONDAY - DAY * age - 10 * HOUR for age in range(10)]
    days = [Sighting(at, at.replace(hour=0)) for at in seen]

    assert learn(days, MONDAY) == learn(posted(*seen), MONDAY)


def test_the_reason_tells_how_often_and_when():
    twice = [at + step * HOUR / 4 for at in nine_on_weekdays(weeks=10) for step in (0, 1, 2)]
    evenings = [MONDAY - DAY * week - 4 * HOUR for week in range(0, 140, 7)]
    spread = [MONDAY - 37 * HOUR * step for step in range(60)]

    assert upcoming(twice, MONDAY - 2 * DAY).reason == (
        "posts about twice a day, mostly 09–10 UTC on weekdays"
    )
    assert upcoming(evenings, MONDAY).reason == (
        "posts about once a week, mostly 20–21 UTC at weekends"
    )
    assert upcoming(spread, MONDAY).reason == "posts about 5 times a week"
