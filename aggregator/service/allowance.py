"""How much time may go into something, of all the time there is."""

from datetime import datetime, timedelta

from aggregator.service.ports import Clock


class Allowance:
    """A share of the time that passes; what is not used is saved, up to a bound.

    Once it is used up there is none left until all is saved again: a little now and then would
    be used up at once by what used up the rest.
    """

    def __init__(self, clock: Clock, *, share: float, most: timedelta) -> None:
        self._clock = clock
        self._share = share
        self._most = most
        self._saved = most
        self._seen_at: datetime | None = None
        self._used_up = False

    def is_left(self) -> bool:
        if self._used_up and self._now_saved() >= self._most:
            self._used_up = False
        return not self._used_up

    def spend(self, time: timedelta) -> None:
        """May be more than there is: that has to be saved first."""
        self._saved = self._now_saved() - time
        self._used_up = self._used_up or self._saved <= timedelta()

    def _now_saved(self) -> timedelta:
        now = self._clock.steady()
        if self._seen_at is not None:
            self._saved = min(self._most, self._saved + self._share * (now - self._seen_at))
        self._seen_at = now
        return self._saved
