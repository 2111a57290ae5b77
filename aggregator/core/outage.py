"""Whether it is our own network that is down, and not the sources.

When nothing can be reached for a while, counting it as a failure of every source would leave all
of them backed off, and marked as broken, for hours after the network is back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aggregator.core.wire import Answer, Failed

WINDOW = timedelta(minutes=1)
FEWEST_HOSTS = 3
"""Fewer hosts that fail together may well be down themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What one poll told of the network."""

    at: datetime
    host: str
    reached: bool


def sighting(answer: Answer, *, host: str, at: datetime) -> Sighting | None:
    """A host that was reached, or that could not be; None where the answer does not tell."""
    if is_unreachable(answer):
        return Sighting(at=at, host=host, reached=False)
    if isinstance(answer, Failed) and answer.status is None:
        return None  # such as a time-out: it may be either's fault
    return Sighting(at=at, host=host, reached=True)


def is_unreachable(answer: Answer) -> bool:
    """Whether nobody was there to answer."""
    return isinstance(answer, Failed) and answer.kind in {"dns", "connect"}


def network_is_down(sightings: Iterable[Sighting], *, now: datetime) -> bool:
    """Several hosts were tried of late, and none was reached."""
    recent = [seen for seen in sightings if now - seen.at <= WINDOW]
    hosts = {seen.host for seen in recent}
    return len(hosts) >= FEWEST_HOSTS and not any(seen.reached for seen in recent)
