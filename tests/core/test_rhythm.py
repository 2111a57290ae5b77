from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.rhythm import ADDED, NEWEST, Habits, Pace, Sighting, habitual_poll, learn
from aggregator.core.upcoming import NextPoll

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
BOUNDS = Pace(shortest=HOUR, longest=DAY)
"""As configured where nothing else is."""

WIDE = Pace(shortest=HOUR / 4, longest=60 * DAY)

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-9)), timezone(timedelta(hours=14))])
MOMENTS = st.datetimes(timezones=ZONES)
SIGHTINGS = st.lists(st.builds(Sighting, MOMENTS, st.none() | MOMENTS), max_size=60)
NOWS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
    max_value=datetime(9000, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
AGES = st.integers(0, 400 * 86400)
RECENT = st.lists(AGES, min_size=5, max_size=60, unique=True)


def posted(*times: datetime) -> list[Sighting]:
    return [Sighting(first_seen=at, published=at) for at in times]


def nine_on_weekdays(weeks: int) -> list[datetime]:
    days = (MONDAY - DAY * day for day in range(1, 7 * weeks + 1))
    return [day + 9 * HOUR + day.day * HOUR / 60 for day in days if day.weekday() < 5]


def upcoming(times: list[datetime], now: datetime, pace: Pace = BOUNDS) -> NextPoll:
    return habitual_poll(learn(posted(*times), now), now=now, pace=pace)


def wait(times: list[datetime], now: datetime, pace: Pace = WIDE) -> timedelta:
    return upcoming(times, now, pace).at - now


def polls(
    times: list[datetime], begin: datetime, end: datetime, pace: Pace = BOUNDS
) -> list[datetime]:
    """As a scheduler would poll while nothing new is found."""
    habits, found, now = learn(posted(*times), begin), [], begin
    while (now := habitual_poll(habits, now=now, pace=pace).at) < end:
        found.append(now)
    return found


def living_polls(times: list[datetime], begin: datetime, end: datetime) -> list[datetime]:
    """As a scheduler would poll while it learns from what each poll finds."""
    found, now = [], begin
    while (now := upcoming([at for at in times if at <= now], now).at) < end:
        found.append(now)
    return found


@given(SIGHTINGS, NOWS, st.integers(1, 10**5), st.integers(-(10**4), 10**7))
def test_whatever_the_times_the_poll_lies_between_the_shortest_and_the_longest_wait(
    sightings, now, shortest, more
):
    pace = Pace(shortest=timedelta(seconds=shortest), longest=timedelta(seconds=shortest + more))

    at = habitual_poll(learn(sightings, now), now=now, pace=pace).at

    assert now + pace.shortest <= at <= now + max(pace.shortest, pace.longest)


@given(SIGHTINGS, NOWS)
def test_habits_read_back_as_they_were_kept(sightings, now):
    habits = learn(sightings, now)

    assert habits is None or Habits.unpacked(habits.packed()) == habits


@given(st.lists(AGES, max_size=60), st.integers(0, 400 * 86400), st.integers(-30, 400))
def test_polls_of_any_history_keep_within_the_bounds_later_too(ages, since, days):
    """Also when the clock was set back since, and where entries have one time."""
    times = [MONDAY - timedelta(seconds=age) for age in [*ages, *ages]]
    habits = learn(posted(*times), MONDAY)
    now = MONDAY + timedelta(seconds=since) + days * DAY

    at = habitual_poll(habits, now=now, pace=BOUNDS).at

    assert now + HOUR <= at <= now + DAY


@given(RECENT, st.integers(0, 168))
def test_habits_learned_earlier_say_the_same_as_habits_learned_now(ages, hours):
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    now = MONDAY + hours * HOUR

    earlier = habitual_poll(learn(posted(*times), MONDAY), now=now, pace=WIDE)

    assert abs(earlier.at - upcoming(times, now, WIDE).at) < timedelta(seconds=1)


@given(RECENT, st.integers(1, 59), st.integers(0, 168))
def test_habits_with_news_say_the_same_as_habits_learned_of_all(ages, count, hours):
    times = sorted(MONDAY - timedelta(seconds=age) for age in ages)
    known, news = times[:-count], times[-count:]
    now = MONDAY + hours * HOUR
    learned_at = news[0] - timedelta(seconds=1)
    if habits := learn(posted(*known), learned_at):
        grown, anew = habits.with_news(posted(*news), now), learn(posted(*times), now)

        assert grown is not None
        assert anew is not None
        assert grown.recent == pytest.approx(anew.recent)
        assert replace(grown, recent=anew.recent) == anew


@pytest.mark.parametrize(
    ("published", "now"),
    [
        (MONDAY - 3 * DAY, MONDAY + DAY),
        (MONDAY - 2 * DAY, MONDAY + DAY),
        (MONDAY + HOUR, MONDAY),
        (MONDAY - DAY, MONDAY - HOUR),
    ],
    ids=["older than others", "at the time of another", "to come", "the clock was set back"],
)
def test_news_that_are_not_the_newest_have_all_learned_anew(published, now):
    habits = learn(posted(*(MONDAY - DAY * age for age in range(2, 12))), MONDAY)

    assert habits is not None
    assert habits.with_news([Sighting(MONDAY + 2 * HOUR, published)], now) is None


def test_after_so_many_news_the_oldest_are_forgotten():
    habits = learn(posted(*(MONDAY - HOUR * age for age in range(NEWEST))), MONDAY)
    added = 0
    while habits := habits and habits.with_news(posted(MONDAY + HOUR), MONDAY + HOUR):
        habits, added = replace(habits, newest=MONDAY), added + 1

    assert added == ADDED


@given(RECENT, st.integers(1, 30))
def test_silence_never_brings_the_next_poll_nearer(ages, weeks):
    """At the same hour of the week, so that only the silence differs."""
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    habits = learn(posted(*times), MONDAY)
    later = MONDAY + timedelta(weeks=weeks)

    soon = habitual_poll(habits, now=MONDAY, pace=WIDE).at - MONDAY

    assert habitual_poll(habits, now=later, pace=WIDE).at - later >= soon - HOUR / 3600


@given(RECENT)
def test_a_longer_interval_never_makes_a_nearer_poll(ages):
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    longer = Pace(shortest=2 * WIDE.shortest, longest=WIDE.longest)

    assert wait(times, MONDAY, longer) >= wait(times, MONDAY)


@given(RECENT)
def test_the_longest_wait_only_cuts(ages):
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    uncut = wait(times, MONDAY, Pace(shortest=HOUR, longest=WIDE.longest))

    assert wait(times, MONDAY, BOUNDS) == min(uncut, DAY)


@given(RECENT, st.randoms(use_true_random=False))
def test_the_order_of_the_entries_does_not_matter(ages, random):
    times = [MONDAY - timedelta(seconds=age) for age in ages]
    shuffled = random.sample(times, len(times))

    assert learn(posted(*times), MONDAY) == learn(posted(*shuffled), MONDAY)


@pytest.mark.parametrize("known", [0, 1, 4])
def test_few_entries_leave_the_shortest_wait(known):
    times = [MONDAY - DAY * age for age in range(1, known + 1)]

    assert wait(times, MONDAY, BOUNDS) == HOUR
    assert upcoming(times, MONDAY).reason == "every 1h; too few entries to learn"


def test_a_first_poll_that_finds_a_backlog_without_dates_knows_too_little():
    found = [Sighting(first_seen=MONDAY)] * 30

    upcoming = habitual_poll(learn(found, MONDAY), now=MONDAY, pace=BOUNDS)

    assert upcoming == NextPoll(at=MONDAY + HOUR, reason="every 1h; too few entries to learn")


def test_entries_of_this_very_hour_keep_the_shortest_wait():
    times = [MONDAY - HOUR / 60 * age for age in range(40)]

    assert upcoming(times, MONDAY).at == MONDAY + HOUR
    assert upcoming(times, MONDAY).reason == "posts about 38 times a day"


@pytest.mark.parametrize("weeks", [4, 20])
def test_a_source_that_posts_at_nine_on_weekdays_is_polled_then_and_rarely_at_night(weeks):
    week = [MONDAY + DAY * day for day in range(5)]
    posts = 9 * HOUR + HOUR / 5
    to_come = [day + posts for day in week]
    found = living_polls([*nine_on_weekdays(weeks), *to_come], MONDAY - 6 * HOUR, MONDAY + 5 * DAY)

    for day in week:
        nights = [at for at in found if day - 2 * HOUR <= at < day + 6 * HOUR]
        assert len(nights) <= 3  # of eight that the shortest wait would allow
        assert any(day + posts <= at <= day + posts + HOUR for at in found)
    assert len(found) < 5 * 7


def test_a_source_that_posts_on_weekdays_is_polled_less_on_sunday():
    times = nine_on_weekdays(weeks=20)

    sunday = polls(times, MONDAY + 6 * DAY, MONDAY + 7 * DAY)

    assert len(sunday) < len(polls(times, MONDAY + DAY, MONDAY + 2 * DAY)) / 2


def test_the_busier_a_source_the_nearer_the_polls_down_to_the_shortest_wait():
    hourly = [MONDAY - HOUR * age for age in range(200)]
    daily = [MONDAY - DAY / 5 * 4.9 * age for age in range(200)]
    monthly = [MONDAY - 30.3 * DAY * age for age in range(200)]
    end = MONDAY + 7 * DAY

    assert len(polls(hourly, MONDAY, MONDAY + DAY)) == 23
    assert len(polls(daily, MONDAY, end)) / 7 == pytest.approx(8, abs=2)
    assert len(polls(monthly, MONDAY, end)) / 7 < 3


def test_a_source_that_falls_silent_drifts_to_the_longest_wait_and_says_so():
    times = [MONDAY - HOUR * 13 * age for age in range(90)]
    waits = [wait(times, MONDAY + weeks * 7 * DAY, BOUNDS) for weeks in (0, 1, 4, 12, 52)]

    assert waits == sorted(waits)
    assert waits[0] < 4 * HOUR
    assert waits[-1] > 20 * HOUR
    assert upcoming(times, MONDAY + 90 * DAY).reason == "silent for 90 days"


def test_a_burst_brings_a_silent_source_back_to_the_shortest_wait():
    calm = [MONDAY - DAY * age for age in range(200, 260)]
    burst = [MONDAY - HOUR / 12 * step for step in range(20)]

    assert wait(calm, MONDAY, BOUNDS) > 12 * HOUR
    assert wait(calm + burst, MONDAY, BOUNDS) == HOUR


def test_a_batch_with_one_time_counts_once():
    times = [MONDAY - DAY * age for age in range(10)]

    assert learn(posted(*times), MONDAY) == learn(posted(*times * 30), MONDAY)


def test_a_poll_long_after_everything_and_dates_beyond_all_calendars_are_no_trouble():
    zone = timezone(timedelta(hours=-12))
    far = datetime.max.replace(tzinfo=zone)
    times = [datetime.min.replace(tzinfo=zone), datetime(1990, 1, 1, tzinfo=UTC), far]
    sightings = [Sighting(one, other) for one in times for other in times] * 2
    now = datetime(9999, 12, 1, tzinfo=UTC)

    assert habitual_poll(learn(sightings, now), now=now, pace=BOUNDS).at <= now + DAY


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
