"""What we deliver to others, how far each has come, and when to try again.

A delivery is a standing order: "this address wants to hear of that topic". It is due when what
there is of its topic is not what it got last.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from aggregator.core.digest import digest

DeliveryKind = Literal["ping", "verification", "subscription", "webhook"]
"""A hub to be told of a change, a subscriber to be asked whether it subscribed, a subscriber, and
an operator's own hook."""

STRANGERS: frozenset[DeliveryKind] = frozenset({"verification", "subscription"})
"""The kinds whose addresses anybody may choose."""
EVERY_KIND: frozenset[DeliveryKind] = STRANGERS | {"ping", "webhook"}

Mode = Literal["subscribe", "unsubscribe"]

LONGEST_RETRY_AFTER = timedelta(days=1)
"""However long a server wants us to wait."""


def paused_with(kind: DeliveryKind) -> frozenset[DeliveryKind]:
    """What a server's wish for a pause holds for, by what was delivered to it: an address that a
    stranger chose cannot hold up what the operator ordered.
    """
    return STRANGERS if kind in STRANGERS else EVERY_KIND


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A delivery as somebody orders it."""

    kind: DeliveryKind
    topic: str
    """The address of a document, or the slug of a publication."""
    url: str = field(repr=False)
    """Whom it goes to. It may be a capability: neither logged nor shown."""
    secret: str | None = field(default=None, repr=False)
    """Signs what a subscriber is sent."""
    mode: Mode | None = None
    """What a verification is about."""
    lease: timedelta | None = None
    """How long the subscription will hold that a verification is about."""
    sent: str | None = None
    """The mark of what it has of its topic already."""
    cursor: str | None = None
    """How far a webhook has come; only its outlet reads it."""

    @property
    def digest(self) -> bytes:
        """Equal for two orders of one delivery."""
        return digest(self.kind, self.topic, self.url)

    @property
    def kept_url(self) -> str | None:
        """The address, where no configuration has it: its secrets stay there."""
        return self.url if self.kind in {"verification", "subscription"} else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery that is claimed: only the holder of its token may save what came of it."""

    kind: DeliveryKind
    digest: bytes
    token: str
    topic: str
    domain: str
    """The registrable domain of a public host, else the host: who shares it is one owner."""
    url: str | None = field(repr=False)
    secret: str | None = field(repr=False)
    mode: Mode | None
    lease: timedelta | None
    sent: str | None
    cursor: str | None
    failures: int
    """Tries since the last good one."""
    failing_since: datetime | None
    """By the steady clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryState:
    """What a try leaves behind. Times are the steady clock's."""

    sent: str | None
    cursor: str | None
    next_try_at: datetime | None = None
    """None: whenever there is something new. A pause of its domain holds in either case."""
    failures: int = 0
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many deliveries strangers may order."""

    in_all: int
    in_domain: int
    unverified_in_domain: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often, and for how long, a delivery is tried again."""

    first: timedelta = timedelta(seconds=10)
    """The wait after the first failure; each further one doubles it."""
    longest: timedelta = timedelta(hours=1)
    ends_after: timedelta | None = None
    """Failing for so long, it is given up or, where `at_last` says so, tried at that pace."""
    at_last: timedelta | None = None

    def is_over(self, failing_for: timedelta) -> bool:
        return self.ends_after is not None and failing_for >= self.ends_after

    def next_wait(
        self,
        *,
        failures: int,
        failing_for: timedelta,
        retry_after: timedelta | None,
        chance: float,
    ) -> timedelta | None:
        """None: it is given up. `chance`, from 0 to 1, keeps those that failed together apart."""
        if self.is_over(failing_for):
            if self.at_last is None:
                return None
            wait = self.at_last
        else:
            wait = min(self.first * 2 ** min(failures - 1, 30), self.longest)
        asked = min(retry_after or timedelta(), LONGEST_RETRY_AFTER)
        return max(wait * (1 + chance / 5), asked)
