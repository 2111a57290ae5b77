"""How often one client may ask, in bounded memory."""

from datetime import datetime, timedelta
from math import ceil

from aggregator.service.ports import Clock

MOST_CLIENTS = 10_000

_MINUTE = timedelta(minutes=1)


class Rates:
    """So many requests of a client at once, and as many again a minute."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._clock = clock
        self._apart = _MINUTE / per_minute
        self._free_at: dict[str, datetime] = {}
        """When a client's requests so far are paid for. Who asked longest ago comes first."""

    def wait(self, client: str) -> int:
        """Counts a request; 0, or the seconds until the client's next one is answered."""
        now = self._clock.steady()
        free_at = max(self._free_at.pop(client, now), now)
        over = free_at + self._apart - (now + _MINUTE)
        self._free_at[client] = free_at if over > timedelta() else free_at + self._apart
        if len(self._free_at) > MOST_CLIENTS:
            del self._free_at[next(iter(self._free_at))]
        return max(0, ceil(over.total_seconds()))
