"""When a source is worth polling, learned from when it published.

The model. Entries of a source arrive at `level(now) * pattern(time of week)`. The level is an
average of three estimates of the arrival rate that forget over 2, 10 and 50 days, so a burst raises
it within hours and silence lowers it over months. The pattern is the share of each quarter of an
hour of the day times the share of the weekday, drawn towards a smoothed pattern and that towards an
even one while entries are few.

The rule. The next poll lies where the entries expected since this one reach
`PACE * shortest wait * rate**SPARING`, with the rate of that very moment. At an even rate polls so
lie as dense as rate**(3/4). Where the rate is about to rise, more has to be expected and the poll
waits for it; where it has just fallen, what was missed is fetched. That is why a source that posts
at nine is polled when nine is over, not before. docs/freshness.md has the figures.

`learn` costs O(N) for N times (their sort aside), `habitual_poll` a step for each quarter hour
of the wait.
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate, count
from operator import add, mul, sub
from typing import Self

from aggregator.core.upcoming import NextPoll, in_words

NEWEST = 200
"""Times to learn from; older ones say little about now."""

ADDED = NEWEST // 8
"""So many more may be added to what was learned of them, until it is learned anew."""

FEWEST = 5
"""With fewer times there is no rhythm, and the shortest wait holds."""

MEMORIES = (2.0, 10.0, 50.0)
"""Days after which an entry counts 1/e in the level."""

LEAST_LEVEL = 1 / 30
"""Entries a day that even the most silent source is believed to bring."""

PACE = 2.5
"""Shortest waits from poll to poll of a source with an even entry a day."""

SPARING = 1 / 4
"""Power of the rate that the expected entries must reach. At 0 polls lie in proportion to the rate,
and slow sources wait for ever; at 1 all sources are polled alike, at all hours."""

CELLS = 96
"""Quarters of an hour in a day: fine enough for sources that publish by a timetable."""

SMOOTHING = 6.0
"""Cells; the standard deviation of the smoothed pattern (1.5 hours)."""

TRUST_IN_SMOOTHED = 40.0
TRUST_IN_EVEN_HOURS = 20.0
TRUST_IN_EVEN_DAYS = 40.0
"""Entries that the smoothed and the even patterns count as, against those that were seen."""

A_DAY = timedelta(days=1)
A_MICROSECOND = timedelta(microseconds=1)
A_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
WEEK_CELLS = 7 * CELLS
CELL = A_DAY / CELLS
_CELL_SECONDS = CELL // timedelta(seconds=1)

REACH = int(2 * SMOOTHING)
_BELL = [math.exp(-((offset / SMOOTHING) ** 2) / 2) for offset in range(-REACH, REACH + 1)]
KERNEL = tuple(height / sum(_BELL) for height in _BELL)

MOST = 0.7
ALMOST_ALL = 0.95
"""Shares of the entries that `mostly` speaks of: in some hours, on some days."""

LONGEST_SPELL = 8
"""Hours; what spreads wider has no hours worth telling."""

A_WEEK = timedelta(weeks=1)
"""Times of a shorter span show no hours and days that a source would keep to."""

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
class Pace:
    """The shortest wait between two polls, which also sets the pace, and the longest.

    The shortest holds where they contradict each other.
    """

    shortest: timedelta
    longest: timedelta
    unconditional: timedelta = A_DAY
    """The longest for a source whose server sends the whole document each time."""


_PACKED = struct.Struct(f"<H3q3d{CELLS}s7s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is known of a source's rhythm at `learned_at`.

    `recent` counts entries by memory, the older the less; `quarters` and `days` count them by the
    quarter of an hour of the day, and by the day of the week.
    """

    count: int
    oldest: datetime
    newest: datetime
    learned_at: datetime
    recent: tuple[float, ...]
    quarters: bytes
    days: bytes

    def with_news(self, news: Iterable[Sighting], now: datetime) -> Self | None:
        """As if all were learned anew, in steps for the news alone.

        None where it has to be: when the news are not the newest, or too many were added.
        """
        times = sorted({_appeared(one) for one in news})
        count = self.count + len(times)
        is_newest = self.newest < times[0] and times[-1] <= now and self.learned_at <= now
        if count > NEWEST + ADDED or not is_newest:
            return None
        since = (now - self.learned_at) / A_DAY
        faded = (
            kept * math.exp(-since / memory)
            for kept, memory in zip(self.recent, MEMORIES, strict=True)
        )
        cells = [_cell_of_week(at) for at in times]
        return replace(
            self,
            count=count,
            newest=times[-1],
            learned_at=now,
            recent=tuple(map(add, faded, _recent(times, now))),
            quarters=_counted((cell % CELLS for cell in cells), self.quarters),
            days=_counted((cell // CELLS for cell in cells), self.days),
        )

    def rate(self, cell: int) -> float:
        """In a cell of a week from Monday 00:00 UTC, against the average of the week."""
        quarter = cell % CELLS
        around = (self.quarters * 3)[CELLS + quarter - REACH : CELLS + quarter + REACH + 1]
        smoothed: float = sum(map(mul, around, KERNEL))
        of_quarter = (
            self.quarters[quarter]
            + TRUST_IN_SMOOTHED * smoothed / self.count
            + TRUST_IN_EVEN_HOURS / CELLS
        ) / (self.count + TRUST_IN_SMOOTHED + TRUST_IN_EVEN_HOURS)
        of_day = (self.days[cell // CELLS % 7] + TRUST_IN_EVEN_DAYS / 7) / (
            self.count + TRUST_IN_EVEN_DAYS
        )
        return of_day * of_quarter * WEEK_CELLS

    def mostly(self) -> str:
        """In which hours, on which days; empty where that cannot be said."""
        if self.newest - self.oldest < A_WEEK:
            return ""
        first, second, third, fourth = (self.quarters[at::4] for at in range(4))
        hours = [*map(add, map(add, first, second), map(add, third, fourth))]
        working = sum(self.days[:5]) / self.count
        spell = _spell(hours, MOST * self.count)
        parts = [f"{spell} UTC"] if spell else []
        if working >= ALMOST_ALL:
            parts.append("on weekdays")
        elif working <= 1 - ALMOST_ALL:
            parts.append("at weekends")
        return f", mostly {' '.join(parts)}" if parts else ""

    def packed(self) -> bytes:
        """As it is kept: 153 bytes."""
        times = (_micros(one) for one in (self.oldest, self.newest, self.learned_at))
        return _PACKED.pack(self.count, *times, *self.recent, self.quarters, self.days)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Habits":
        count, oldest, newest, learned_at, *recent, quarters, days = _PACKED.unpack(packed)
        return cls(
            count=count,
            oldest=_moment(oldest),
            newest=_moment(newest),
            learned_at=_moment(learned_at),
            recent=tuple(recent),
            quarters=quarters,
            days=days,
        )


def learn(sightings: Iterable[Sighting], now: datetime) -> Habits | None:
    """None without a single time. What came in one batch counts once, the future not at all."""
    appeared = {_appeared(one) for one in sightings}
    times = sorted(at for at in appeared if at <= now)[-NEWEST:]
    if not times:
        return None
    cells = [_cell_of_week(at) for at in times]
    return Habits(
        count=len(times),
        oldest=times[0],
        newest=times[-1],
        learned_at=now,
        recent=_recent(times[1:], now),  # the oldest only marks where the count begins
        quarters=_counted((cell % CELLS for cell in cells), bytes(CELLS)),
        days=_counted((cell // CELLS for cell in cells), bytes(7)),
    )


def habitual_poll(habits: Habits | None, *, now: datetime, pace: Pace) -> NextPoll:
    """Never before the shortest wait, never after the longest; `now` is when we polled."""
    if habits is None or habits.count < FEWEST:
        reason = f"every {in_words(pace.shortest)}; too few entries to learn"
        return NextPoll(at=now + pace.shortest, reason=reason)
    rates = _rates(habits, now)
    level = LEAST_LEVEL + sum(rates) / len(rates)
    wait = max(pace.shortest, min(_worthwhile(habits, level, now, pace), pace.longest))
    return NextPoll(at=now + wait, reason=_in_words(habits, rates[-1], now))


def _worthwhile(habits: Habits, level: float, now: datetime, pace: Pace) -> timedelta:
    """The first wait, from the shortest on, after which enough entries are to be expected.

    Counted in cells of the week; what is expected and what is enough are both divided by the level.
    """
    earliest, latest = pace.shortest / CELL, pace.longest / CELL
    enough: float = PACE * earliest * level ** (SPARING - 1)
    here = _week_position(now)
    cell, waited, expected = int(here), 0.0, 0.0
    while waited < latest:
        end = cell + 1 - here
        rate = habits.rate(cell)
        needed: float = waited + (enough * rate**SPARING - expected) / rate
        if max(needed, earliest) <= end:
            return CELL * max(needed, earliest, waited)
        expected += rate * (end - waited)
        cell, waited = cell + 1, end
    return pace.longest


def _appeared(one: Sighting) -> datetime:
    """A source knows better than we do, unless it tells the future or nothing but the day."""
    if one.published is None or one.published > one.first_seen:
        return one.first_seen
    since = one.published - A_MONDAY
    if since.seconds or since.microseconds:  # more than the day
        return one.published
    return one.first_seen if one.first_seen - one.published < A_DAY else one.published


def _recent(times: list[datetime], now: datetime) -> tuple[float, ...]:
    ages = [(now - at) / A_DAY for at in times]
    return tuple(sum(math.exp(-age / memory) for age in ages) for memory in MEMORIES)


def _rates(habits: Habits, now: datetime) -> list[float]:
    """Entries a day, as far as each memory reaches; a day more for a source just met."""
    since = max((now - habits.learned_at) / A_DAY, 0.0)
    span = max((now - habits.oldest) / A_DAY, 0.0) + 1
    return [
        count * math.exp(-since / memory) / (memory * -math.expm1(-span / memory))
        for count, memory in zip(habits.recent, MEMORIES, strict=True)
    ]


def _counted(places: Iterable[int], before: bytes) -> bytes:
    """How many lie in each place, with those before; all in all they are fewer than 256."""
    counts = bytearray(before)
    for place in places:
        counts[place] += 1
    return bytes(counts)


def _cell_of_week(at: datetime) -> int:
    since = at - A_MONDAY
    return since.days % 7 * CELLS + since.seconds // _CELL_SECONDS


def _week_position(at: datetime) -> float:
    """In cells since Monday 00:00 UTC."""
    return ((at - A_MONDAY) / CELL) % WEEK_CELLS


def _in_words(habits: Habits, rate: float, now: datetime) -> str:
    silence = now - habits.newest
    if silence >= SILENT:
        return f"silent for {silence.days} days"
    return f"posts {_often(rate)}{habits.mostly()}"


def _often(rate: float) -> str:
    for unit, days in (("day", 1), ("week", 7), ("month", 30)):
        times = round(rate * days)
        if rate * days >= NEARLY_ONE:
            return f"about {TIMES.get(times, f'{times} times')} a {unit}"
    return "less than once a month"


def _spell(hours: list[int], enough: float) -> str:
    """The shortest stretch of hours with most entries; empty where there is no short one."""
    before = [*accumulate(hours + hours, initial=0)]

    def stretches(length: int) -> list[int]:
        """How many lie in those of so many hours, from each hour on."""
        return [*map(sub, before[length : length + 24], before)]

    if max(stretches(LONGEST_SPELL)) < enough:  # as of most
        return ""
    length, most = next(
        (length, most) for length in count(1) if max(most := stretches(length)) >= enough
    )
    start = most.index(max(most))
    return f"{start:02d}–{(start + length) % 24:02d}"


def _micros(moment: datetime) -> int:
    return (moment - A_MONDAY) // A_MICROSECOND


def _moment(micros: int) -> datetime:
    return A_MONDAY + micros * A_MICROSECOND
