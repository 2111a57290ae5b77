"""One request at a time for a host, with a pause between two."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta


class HostTurns:
    """Hosts are free, taken, or resting for `delay` after a request."""

    def __init__(self, delay: timedelta) -> None:
        self.delay = delay
        self._locks: dict[str, asyncio.Lock] = {}
        self._rested_at: dict[str, float] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Waits until the host is free and rested; it is taken for the time of the block."""
        self._forget_rested()
        async with self._locks.setdefault(host, asyncio.Lock()):
            await asyncio.sleep(max(0.0, self._rested_at.get(host, 0.0) - _now()))
            try:
                yield
            finally:
                self._rested_at[host] = _now() + self.delay.total_seconds()

    def _forget_rested(self) -> None:
        now = _now()
        for host in [host for host, at in self._rested_at.items() if at <= now]:
            del self._rested_at[host]
            if not self._locks[host].locked():
                del self._locks[host]


def _now() -> float:
    """Seconds on the loop's monotonic clock."""
    return asyncio.get_running_loop().time()
