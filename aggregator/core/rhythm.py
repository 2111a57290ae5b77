"""When a source is worth polling, learned from when it published.

The model. Entries of a source arrive at `level(now) * pattern(time of week)`. The level is an
average of three estimates of the arrival rate that forget over 2, 10 and 50 days, so a burst raises
it within hours and silence lowers it over months. The pattern is the share of each quarter of an
hour of the day times the share of the weekday, drawn towards a smoothed pattern and that towards an
even one while entries are few.

The rule. Polls should lie as dense as the square root of the arrival rate: that makes the total
delay of all entries least for a given number of polls (Cauchy-Schwarz on the sum of rate/density).
Between sources the root is the third, which takes less from slow sources than the least total
would; docs/freshness.md has the figures. So the next poll lies where the integral of
`level**(1/3) * pattern**(1/2) / interval` reaches one: a source with an entry a day gets its
configured interval on average, one with eight a day half of it. The interval sets the budget.

`learn` costs O(N) for N times (their sort aside), `habitual_poll` one bisection.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate

from aggregator.core.upcoming import NextPoll, in_words

NEWEST = 200
"""Times to learn from; older ones say little about now."""

FEWEST = 5
"""With fewer times there is no rhythm, and the configured interval holds."""

MEMORIES = (2.0, 10.0, 50.0)
"""Days after which an entry counts 1/e in the level."""

LEAST_LEVEL = 1 / 90
"""Entries a day that even the most silent source is believed to bring."""

ROOT_OF_LEVEL = 1 / 3
ROOT_OF_PATTERN = 1 / 2

CELLS = 96
"""Quarters of an hour in a day: fine enough for sources that publish by a timetable."""

SMOOTHING = 6.0
"""Cells; the standard deviation of the smoothed pattern (1.5 hours)."""

TRUST_IN_SMOOTHED = 40.0
TRUST_IN_EVEN = 10.0
"""Entries that the smoothed and the even pattern count as, against those that were seen."""

A_DAY = timedelta(days=1)
A_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
WEEK_CELLS = 7 * CELLS
CELL = A_DAY / CELLS

REACH = int(2 * SMOOTHING)
_BELL = [math.exp(-((offset / SMOOTHING) ** 2) / 2) for offset in range(-REACH, REACH + 1)]
KERNEL = tuple(height / sum(_BELL) for height in _BELL)

MOST = 0.7
ALMOST_ALL = 0.95
"""Shares of the entries that `mostly` speaks of: in some hours, on some days."""

LONGEST_SPELL = 8
"""Hours; what spreads wider has no hours worth telling."""

SILENT = timedelta(days=30)
TIMES = {1: "once", 2: "twice"}
NEARLY_ONE = 0.85
"""What still reads as once a day; fewer are told by the week, then by the month."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One entry of a source: when we first saw it, and what it says itself."""

    first_seen: datetime
    published: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The configured interval, and how far a rhythm may lead away from it."""

    interval: timedelta
    floor: timedelta
    ceiling: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is known of a source's rhythm at `learned_at`.

    `recent` counts entries by memory, the older the less. `density` is the wanted density of
    polls, 1 on average, summed up over the cells of a week from Monday 00:00 UTC.
    """

    count: int
    oldest: datetime
    newest: datetime
    learned_at: datetime
    recent: tuple[float, ...]
    density: tuple[float, ...]
    mostly: str


def learn(sightings: Iterable[Sighting], now: datetime) -> Habits | None:
    """None without a single time. What came in one batch counts once, the future not at all."""
    appeared = {_appeared(one) for one in sightings}
    times = sorted(at for at in appeared if at <= now)[-NEWEST:]
    if not times:
        return None
    cells = Counter(_cell_of_week(at) for at in times)
    return Habits(
        count=len(times),
        oldest=times[0],
        newest=times[-1],
        learned_at=now,
        recent=_recent(times, now),
        density=_density(cells, len(times)),
        mostly=_mostly(cells, len(times)),
    )


def habitual_poll(habits: Habits | None, *, now: datetime, bounds: Bounds) -> NextPoll:
    """Never before the floor, never after the ceiling; `now` is when the source was polled."""
    if habits is None or habits.count < FEWEST:
        wait = _within(bounds, bounds.interval.total_seconds())
        return NextPoll(at=now + wait, reason=f"every {in_words(wait)}; too few entries to learn")
    rates = _rates(habits, now)
    level = LEAST_LEVEL + sum(rates) / len(rates)
    wanted = _until(habits.density, now, bounds.interval.total_seconds() / level**ROOT_OF_LEVEL)
    return NextPoll(at=now + _within(bounds, wanted), reason=_in_words(habits, rates[-1], now))


def _within(bounds: Bounds, seconds: float) -> timedelta:
    least, most = bounds.floor.total_seconds(), bounds.ceiling.total_seconds()
    return timedelta(seconds=max(least, min(seconds, most)))


def _appeared(one: Sighting) -> datetime:
    """A source knows better than we do, unless it tells the future or nothing but the day."""
    if one.published is None or one.published > one.first_seen:
        return one.first_seen
    bare_day = one.published.astimezone(UTC).time() == time()
    return one.first_seen if bare_day and one.first_seen - one.published < A_DAY else one.published


def _recent(times: list[datetime], now: datetime) -> tuple[float, ...]:
    """Without the oldest, which only marks where the count begins."""
    ages = [(now - at) / A_DAY for at in times[1:]]
    return tuple(sum(math.exp(-age / memory) for age in ages) for memory in MEMORIES)


def _rates(habits: Habits, now: datetime) -> list[float]:
    """Entries a day, as far as each memory reaches; a day more for a source just met."""
    since = max((now - habits.learned_at) / A_DAY, 0.0)
    span = max((now - habits.oldest) / A_DAY, 0.0) + 1
    return [
        count * math.exp(-since / memory) / (memory * -math.expm1(-span / memory))
        for count, memory in zip(habits.recent, MEMORIES, strict=True)
    ]


def _density(cells: Counter[int], count: int) -> tuple[float, ...]:
    quarters = _by(cells, CELLS, lambda cell: cell % CELLS)
    smoothed = _smoothed(quarters)
    all_trust = count + TRUST_IN_SMOOTHED + TRUST_IN_EVEN
    of_day = [
        (seen + TRUST_IN_SMOOTHED * nearby / count + TRUST_IN_EVEN / CELLS) / all_trust
        for seen, nearby in zip(quarters, smoothed, strict=True)
    ]
    of_week = [
        (seen + TRUST_IN_EVEN / 7) / (count + TRUST_IN_EVEN)
        for seen in _by(cells, 7, lambda cell: cell // CELLS)
    ]
    wanted = [(day * quarter) ** ROOT_OF_PATTERN for day in of_week for quarter in of_day]
    average = sum(wanted) / WEEK_CELLS
    return tuple(accumulate((each / average for each in wanted), initial=0.0))


def _by(cells: Counter[int], size: int, part: Callable[[int], int]) -> list[int]:
    counts = [0] * size
    for cell, count in cells.items():
        counts[part(cell)] += count
    return counts


def _smoothed(quarters: list[int]) -> list[float]:
    """Each entry spread over the quarters around it, around midnight too."""
    spread = [0.0] * CELLS
    for cell, count in enumerate(quarters):
        if count:
            for offset, share in enumerate(KERNEL):
                spread[(cell + offset - REACH) % CELLS] += count * share
    return spread


def _cell_of_week(at: datetime) -> int:
    return int(_week_position(at))


def _week_position(at: datetime) -> float:
    """In cells since Monday 00:00 UTC."""
    return ((at - A_MONDAY) / CELL) % WEEK_CELLS


def _until(density: tuple[float, ...], now: datetime, interval: float) -> float:
    """Seconds until the density adds up to what `interval` seconds hold on average."""
    here = _week_position(now)
    cell = int(here)
    passed = density[cell] + (here - cell) * (density[cell + 1] - density[cell])
    weeks, rest = divmod(passed + interval / CELL.total_seconds(), density[-1])
    cell = min(bisect_right(density, rest), WEEK_CELLS) - 1
    there = cell + (rest - density[cell]) / (density[cell + 1] - density[cell])
    return (weeks * WEEK_CELLS + there - here) * CELL.total_seconds()


def _in_words(habits: Habits, rate: float, now: datetime) -> str:
    silence = now - habits.newest
    if silence >= SILENT:
        return f"silent for {silence.days} days"
    return f"posts {_often(rate)}{habits.mostly}"


def _often(rate: float) -> str:
    for unit, days in (("day", 1), ("week", 7), ("month", 30)):
        times = round(rate * days)
        if rate * days >= NEARLY_ONE:
            return f"about {TIMES.get(times, f'{times} times')} a {unit}"
    return "less than once a month"


def _mostly(cells: Counter[int], count: int) -> str:
    hours = _by(cells, 24, lambda cell: cell % CELLS * 24 // CELLS)
    days = _by(cells, 7, lambda cell: cell // CELLS)
    working = sum(days[:5]) / count
    spell = _spell(hours, MOST * count)
    parts = [f"{spell} UTC"] if spell else []
    if working >= ALMOST_ALL:
        parts.append("on weekdays")
    elif working <= 1 - ALMOST_ALL:
        parts.append("at weekends")
    return f", mostly {' '.join(parts)}" if parts else ""


def _spell(hours: list[int], enough: float) -> str:
    """The shortest stretch of hours with most entries; empty where there is no short one."""
    for length in range(1, LONGEST_SPELL + 1):
        sums = [sum((hours * 2)[start : start + length]) for start in range(24)]
        if max(sums) >= enough:
            start = sums.index(max(sums))
            return f"{start:02d}–{(start + length) % 24:02d}"
    return ""
