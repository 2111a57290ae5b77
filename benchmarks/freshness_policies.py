"""Ways to choose the next poll. Each has one scale, with which its number of polls is tuned.

A policy sees what a reader sees: entries that earlier polls found. Times are seconds since 1970,
waits are seconds. Each keeps to its own pace; the replay's hold besides, for all alike.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from aggregator.bootstrap import STRETCH
from aggregator.core.rhythm import NEWEST, Habits, Pace, Sighting, habitual_poll, learn

HOUR = 3600.0
DAY = 24 * HOUR
NEVER = 1e9


class Policy(Protocol):
    def found(self, published: Sequence[float], now: float) -> None:
        """A poll at `now` found these new entries, oldest first."""

    def wait(self, now: float) -> float: ...


class Fixed:
    def __init__(self, scale: float) -> None:
        self.interval = scale * HOUR

    def found(self, published: Sequence[float], now: float) -> None:
        pass

    def wait(self, now: float) -> float:  # noqa: ARG002  # a Policy's
        return self.interval


class Slots(Fixed):
    """lemon24/reader: slots of one interval, aligned to a Monday."""

    MONDAY = 4 * DAY

    def wait(self, now: float) -> float:
        slot = math.floor((now - self.MONDAY) / self.interval) + 1
        return self.MONDAY + slot * self.interval - now


class Frequency:
    """Miniflux without its pace: a week through the entries of the last week.

    The scale is the inverse of its factor.
    """

    def __init__(self, scale: float) -> None:
        self.scale = scale
        self.known: list[float] = []

    def found(self, published: Sequence[float], now: float) -> None:  # noqa: ARG002  # a Policy's
        self.known.extend(published)

    def wait(self, now: float) -> float:
        """None in the last week: as rarely as the replay allows."""
        weekly = len(self.known) - bisect_right(self.known, now - 7 * DAY)
        return self.scale * 7 * DAY / weekly if weekly else NEVER


class EntryFrequency(Frequency):
    """Miniflux's `entry_frequency` with its own pace of 5 minutes and 24 hours.

    https://miniflux.app/docs/configuration.html
    """

    def wait(self, now: float) -> float:
        return min(max(super().wait(now), HOUR / 12), DAY)


class ScaledFrequency(Frequency):
    """Miniflux's with its factor of 1; the scale stretches its pace as well."""

    def __init__(self, scale: float) -> None:
        super().__init__(1)
        self.stretch = scale

    def wait(self, now: float) -> float:
        return self.stretch * min(max(super().wait(now), HOUR / 12), DAY)


class Empirical(Frequency):
    """CommaFeed: half the average gap, in steps longer the longer the source is silent."""

    def wait(self, now: float) -> float:
        return self.scale * self._as_published(now - self.known[-1])

    def _as_published(self, silence: float) -> float:
        for days, hours in ((30, 4), (14, 2), (7, 1)):
            if silence >= days * DAY:
                return hours * HOUR
        listed = self.known[-NEWEST:]
        if len(listed) == 1:
            return 4 * HOUR
        gap = (listed[-1] - listed[0]) / (len(listed) - 1)
        return min(max(gap / 2, HOUR / 12), HOUR)


class Rhythm:
    """Ours: the scale is the configured interval in hours, the longest wait a day of such hours."""

    def __init__(self, scale: float) -> None:
        self.pace = Pace(shortest=timedelta(hours=scale), longest=timedelta(days=scale))
        self.known: list[Sighting] = []
        self.habits: Habits | None = None

    def found(self, published: Sequence[float], now: float) -> None:
        seen = _time(now)
        self.known = [*self.known, *(Sighting(seen, _time(at)) for at in published)][-NEWEST:]
        self.habits = learn(self.known, seen)

    def wait(self, now: float) -> float:
        polled = _time(now)
        return (habitual_poll(self.habits, now=polled, pace=self.pace).at - polled) / SECOND


class ByDefault(Rhythm):
    """Ours with the longest wait that an interval has unless the operator says otherwise."""

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        interval = timedelta(hours=scale)
        self.pace = Pace(shortest=interval, longest=STRETCH * interval)


class UpToADay(Rhythm):
    """Ours with `max_interval = "1d"`."""

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        self.pace = Pace(shortest=timedelta(hours=scale), longest=timedelta(days=1))


SECOND = timedelta(seconds=1)
FIXED, OURS = "fixed interval", "ours: learned rhythm"

POLICIES: dict[str, Callable[[float], Policy]] = {
    FIXED: Fixed,
    "reader: fixed slots": Slots,
    "Miniflux: entry_frequency": EntryFrequency,
    "Miniflux, longest wait scaled": Frequency,
    "Miniflux, all pace scaled": ScaledFrequency,
    "CommaFeed: empirical": Empirical,
    OURS: Rhythm,
}
AS_CONFIGURED: dict[str, Callable[[float], Policy]] = {
    FIXED: Fixed,
    "ours, by default": ByDefault,
    'ours, max_interval = "1d"': UpToADay,
}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
