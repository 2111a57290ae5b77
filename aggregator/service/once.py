"""Polling once and no more: what is due, what is named, or everything."""

from collections.abc import Collection
from datetime import datetime, timedelta

from aggregator.core.schedule import in_words
from aggregator.service.dispatch import Dispatcher, Watch
from aggregator.service.polling import PollReport
from aggregator.service.ports import ClaimedSource, Clock, PollStore

NO_LIMIT = 1_000_000
"""Sources; more than one process polls in one go."""


class Round:
    """One round of polls. `lease` is how long a claim outlives this process."""

    def __init__(
        self,
        *,
        store: PollStore,
        dispatcher: Dispatcher,
        clock: Clock,
        watch: Watch,
        lease: timedelta = timedelta(minutes=10),
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._clock = clock
        self._watch = watch
        self._lease = lease

    async def claim_due(self) -> list[ClaimedSource]:
        """The sources whose time has come."""
        now = self._clock.steady()
        return await self._store.claim_due(
            now=now,
            lease_until=now + self._lease,
            limit=NO_LIMIT,
            per_host=NO_LIMIT,
            busy_hosts=(),
        )

    async def claim(self, keys: Collection[str] | None, *, force: bool) -> list[ClaimedSource]:
        """The named sources (None: all), whatever the schedule says.

        A pause that a server asked for holds all the same, unless `force` is given: such a source
        is reported as throttled and not polled.
        """
        now = self._clock.steady()
        claimed = await self._store.claim(keys, lease_until=now + self._lease)
        paused = [source for source in claimed if not force and _pause(source, now)]
        await self._store.release([source.lease for source in paused])
        for source in paused:
            self._watch.polled(_throttled(source, now))
        return [source for source in claimed if source not in paused]

    async def poll(self, claimed: Collection[ClaimedSource]) -> None:
        """Polls them all and waits; each is reported as it is done."""
        try:
            await self._dispatcher.poll(claimed)
        finally:
            await self._dispatcher.stop()


def _pause(source: ClaimedSource, now: datetime) -> timedelta | None:
    paused = source.paused_until is not None and source.paused_until > now
    return source.paused_until - now if paused and source.paused_until else None


def _throttled(source: ClaimedSource, now: datetime) -> PollReport:
    left = in_words(_pause(source, now) or timedelta())
    return PollReport(
        source=source.key,
        outcome="throttled",
        status=None,
        entries_new=0,
        entries_updated=0,
        bytes=0,
        elapsed=timedelta(),
        next_poll_at=source.paused_until,
        next_poll_reason="the server asked for a pause",
        error=f"not asked: the server wants no request for another {left}; --force asks anyway",
    )
