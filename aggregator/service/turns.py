"""One request at a time for a host, with a pause between two."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

FORGET_EVERY = 1.0
"""Seconds."""


@dataclass(slots=True)
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    guests: int = 0
    """Who has its turn or waits for one."""
    rested_at: float = 0.0
    """Seconds on the loop's clock."""


class HostTurns:
    """Hosts are free, taken, or resting for `delay` after a request."""

    def __init__(self, delay: timedelta) -> None:
        self.delay = delay
        self._hosts: dict[str, _Host] = {}
        self._forget_at = 0.0

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Waits until the host is free and rested; it is taken for the time of the block."""
        self._forget_rested()
        state = self._hosts.setdefault(host, _Host())
        state.guests += 1
        try:
            async with state.lock:
                if (rest := state.rested_at - _now()) > 0:
                    await asyncio.sleep(rest)
                try:
                    yield
                finally:
                    state.rested_at = _now() + self.delay.total_seconds()
        finally:
            state.guests -= 1

    def rest(self, host: str, remaining: timedelta) -> None:
        """The host was asked by somebody else of ours, and rests for so long yet."""
        state = self._hosts.setdefault(host, _Host())
        state.rested_at = max(state.rested_at, _now() + remaining.total_seconds())

    def _forget_rested(self) -> None:
        now = _now()
        if now < self._forget_at:  # of ten thousand hosts it takes a while
            return
        self._forget_at = now + FORGET_EVERY
        self._hosts = {
            host: state
            for host, state in self._hosts.items()
            if state.guests or state.rested_at > now
        }


def _now() -> float:
    """Seconds on the loop's monotonic clock."""
    return asyncio.get_running_loop().time()
