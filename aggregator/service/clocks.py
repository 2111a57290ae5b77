"""Whether this machine's clock agrees with that of the others which poll on the same database.

Turns at hosts and rests between requests are told by moments (docs/decisions/0035): a process whose
clock is wrong asks hosts too soon, or takes what others hold for given up.
"""

from datetime import datetime, timedelta
from typing import Protocol

from aggregator.service.ports import Clock

APART = timedelta(seconds=1)
"""More than that is no clock that is kept right."""


class Timekeeper(Protocol):
    async def time(self) -> datetime | None:
        """What its machine takes for the time. None: there is none but ours. Raises StoreError."""


async def ahead(clock: Clock, other: Timekeeper) -> timedelta | None:
    """How far our steady clock is ahead of the other one; None where they agree, or may agree for
    all that can be told over a slow connection. Raises StoreError.
    """
    asked = clock.steady()
    time = await other.time()
    way = (clock.steady() - asked) / 2
    if time is None or abs(asked + way - time) <= APART + way:
        return None
    return asked + way - time
