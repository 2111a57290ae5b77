"""What is served while changes come thick and fast: the last one, and the next is made meanwhile.

Changes now and then are shown at once, to whoever asks first. When they take more time than there
is for that, nobody waits any more: what was the newest a moment ago is as good as new, and before
it is too old the next takes its place, for as long as somebody asks.
"""

from collections.abc import Callable, Coroutine, Hashable
from datetime import datetime, timedelta
from typing import Any

from aggregator.service.allowance import Allowance
from aggregator.service.meanwhile import Meanwhile
from aggregator.service.ports import Clock

OLDEST = timedelta(seconds=1)
"""How old what is served may be while changes come faster than they can be shown."""

SHARE, SAVED = 0.02, timedelta(seconds=0.5)
"""Of the time that passes for showing changes at once, and how much of it is saved."""


class Ahead:
    """Moments are those of the steady clock, at which something was known to be the newest."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._allowance = Allowance(clock, share=SHARE, most=SAVED)
        self._making = Meanwhile()

    def allows(self, true_at: datetime | None) -> bool:
        """Whether that is as good as new, since not each change can be shown at once."""
        young = true_at is not None and self._clock.steady() < true_at + OLDEST
        return young and not self._allowance.is_left()

    async def wait(self, key: Hashable) -> None:
        """Until the next one is made, where that is under way."""
        await self._making.wait(key)

    def spend(self, since: datetime) -> None:
        """The time since then went into showing a change."""
        self._allowance.spend(self._clock.steady() - since)

    def renew(
        self,
        key: Hashable,
        true_at: datetime | None,
        work: Callable[[], Coroutine[Any, Any, object]],
    ) -> None:
        """Begins `work`, which makes the next one, where that is half as old as it may be.

        Once for a key at a time.
        """
        if true_at is not None and self._clock.steady() >= true_at + OLDEST / 2:
            self._making.start(key, work)
