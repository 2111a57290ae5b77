"""Whether the service does its work: what readiness and the log report."""

from collections.abc import Callable
from datetime import datetime, timedelta

from aggregator.core.errors import StoreError
from aggregator.core.upcoming import in_words
from aggregator.service.ports import Clock, ReadStore

SILENCE = timedelta(minutes=1)
"""Without a look at the schedule for this long, polling stands still."""


class Health:
    """`swept_at` tells when due sources were last looked for; it is None in a web-only process.
    `trouble` is why polls are not saved, where they are not.
    """

    def __init__(
        self,
        *,
        store: ReadStore,
        clock: Clock,
        swept_at: Callable[[], datetime | None] | None,
        trouble: Callable[[], Exception | None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._swept_at = swept_at
        self._trouble = trouble
        self._started = clock.steady()

    async def problems(self) -> tuple[str, ...]:
        """A sentence for each; none when all is well."""
        found = []
        try:
            await self._store.ping()
        except StoreError as error:
            found.append(f"the database does not answer: {error}")
        if standstill := self.standstill():
            found.append(standstill)
        if trouble := self._trouble():
            found.append(f"polls are not saved: {trouble}")
        return tuple(found)

    def standstill(self) -> str | None:
        """Whether polling stands still; nobody needs to be asked for that."""
        if self._swept_at is None:
            return None
        silent = self._clock.steady() - (self._swept_at() or self._started)
        if silent <= SILENCE:
            return None
        return f"the schedule was not looked at for {in_words(silent)}"
