"""Polling once and no more: what is due, what is named, or everything."""

from collections.abc import Collection
from datetime import timedelta

from aggregator.service.dispatch import Dispatcher
from aggregator.service.frontier import Due
from aggregator.service.host_polling import DispatchStore, Watch
from aggregator.service.ports import ClaimedSource, Clock
from aggregator.service.reports import throttled

NO_LIMIT = 1_000_000
"""Sources; more than one process polls in one go."""


class Round:
    """One round of polls. `lease` is how long a claim outlives this process."""

    def __init__(
        self,
        *,
        store: DispatchStore,
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

    async def due(self) -> list[Due]:
        """Hosts with sources whose time has come."""
        now = self._clock.steady()
        await self._store.mend(now=now)
        return await self._store.sweep(now=now, limit=NO_LIMIT, failing=NO_LIMIT, per_host=NO_LIMIT)

    async def claim(self, keys: Collection[str] | None, *, force: bool) -> list[ClaimedSource]:
        """The named sources (None: all), whatever the schedule says.

        A pause that a server asked for holds all the same, unless `force` is given: such a source
        is reported as throttled and not polled.
        """
        now = self._clock.steady()
        claimed = await self._store.claim(keys, lease_until=now + self._lease)
        if force:
            return claimed
        free = [one for one in claimed if one.paused_until is None or one.paused_until <= now]
        paused = [
            (one, one.paused_until)
            for one in claimed
            if one.paused_until is not None and one.paused_until > now
        ]
        await self._store.release([source.lease for source, _ in paused])
        for source, until in paused:
            self._watch.polled(throttled(source.key, until, now=now))
        return free

    async def poll_due(self, hosts: Collection[Due]) -> None:
        """Polls what is due of them and waits; each source is reported as it is done."""
        try:
            await self._dispatcher.poll_due(hosts)
        finally:
            await self._dispatcher.stop()

    async def poll(self, claimed: Collection[ClaimedSource], *, force: bool = False) -> None:
        """Polls them all and waits; each is reported as it is done."""
        try:
            await self._dispatcher.poll(claimed, force=force)
        finally:
            await self._dispatcher.stop()
