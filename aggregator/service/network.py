"""What recent polls say of our own network."""

from collections import deque
from datetime import datetime

from aggregator.core.outage import (
    WINDOW,
    Sighting,
    is_unreachable,
    network_is_down,
    sighting,
)
from aggregator.core.wire import Answer
from aggregator.service.ports import ClaimedSource


class Network:
    """Remembers what was reached within the last minute. Times are the steady clock's."""

    def __init__(self) -> None:
        self._sightings: deque[Sighting] = deque()
        self._blamed: dict[int, datetime] = {}

    def saw(self, source: ClaimedSource, answer: Answer, *, now: datetime) -> None:
        """Takes note of a poll's answer."""
        if seen := sighting(answer, host=source.host, at=now):
            self._sightings.append(seen)
        while self._sightings and now - self._sightings[0].at > WINDOW:
            self._sightings.popleft()
        self._blamed = {id: at for id, at in self._blamed.items() if now - at <= WINDOW}

    def excuses(self, answer: Answer, *, now: datetime) -> bool:
        """Whether this failure is the network's and not the source's."""
        return is_unreachable(answer) and network_is_down(self._sightings, now=now)

    def blame(self, source: ClaimedSource, answer: Answer, *, now: datetime) -> None:
        """A failure was counted; when more is known, it may have to be taken back."""
        if is_unreachable(answer):
            self._blamed[source.lease.source_id] = now

    def wrongly_blamed(self) -> list[int]:
        """The ids of the sources whose failure is to be taken back; each is named once."""
        ids, self._blamed = list(self._blamed), {}
        return ids
