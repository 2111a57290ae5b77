"""Subscriptions at hubs in two dictionaries: signs the same contract as the database."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from aggregator.core.offers import Offer
from aggregator.core.pushes import GRACE, Callback, PushHealth, PushRecord, PushStanding
from tests.builders import NOON

LONG_SINCE = NOON.replace(year=1970)
HELD = {"pending", "active"}


@dataclass
class PushState:
    """What is kept of one source."""

    offer: Offer = field(default_factory=Offer)
    due_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    delivered_at: datetime | None = None
    missed_at: datetime | None = None
    callbacks: dict[str, Callback] = field(default_factory=dict)

    @property
    def held(self) -> list[Callback]:
        return [one for one in self.callbacks.values() if one.state in HELD]

    @property
    def active(self) -> list[Callback]:
        return [one for one in self.callbacks.values() if one.state == "active"]

    def offered(self, offer: Offer) -> None:
        if offer != self.offer:
            self.offer, self.due_at, self.failures, self.error = offer, LONG_SINCE, 0, None

    def withdraw(self) -> None:
        self.offered(Offer())
        self.due_at, self.delivered_at, self.missed_at = LONG_SINCE, None, None

    def heard(self, at: datetime) -> None:
        self.delivered_at = at
        if self.missed_at and self.missed_at > at - GRACE:
            self.missed_at = None

    def save(self, record: PushRecord) -> None:
        for one in record.drop:
            if one.token in self.callbacks and self.callbacks[one.token].state == one.state:
                del self.callbacks[one.token]
        self.callbacks |= {one.token: one for one in record.put}
        self.due_at, self.failures, self.error = record.due_at, record.failures, record.error

    def review(self) -> None:
        if self.offer.hubs or self.callbacks:
            self.due_at = LONG_SINCE

    def review_for(self, base: str | None) -> None:
        here = [one for one in self.held if base is not None and one.url.startswith(base)]
        untried = base is not None and not here and not self.failures and self.offer.topic
        if untried or len(here) < len(self.held):
            self.due_at = LONG_SINCE

    def confirm(self, callback: Callback) -> bool:
        before = self.callbacks.get(callback.token)
        if before is None or before.state not in HELD:
            return False
        others = [one for one in self.active if one.token != callback.token]
        self.callbacks |= {one.token: replace(one, state="ending") for one in others}
        self.callbacks[callback.token] = callback
        self.failures, self.error = 0, None
        self.due_at = LONG_SINCE if others else callback.renew_at
        return True

    @property
    def standing(self) -> PushStanding | None:
        if not self.active:
            return None
        return PushStanding(
            verified_at=min(one.verified_at or NOON for one in self.active),
            lease_until=max(one.lease_until or NOON for one in self.active),
            delivered_at=self.delivered_at,
            missed_at=self.missed_at,
        )

    @property
    def health(self) -> PushHealth | None:
        if not self.offer.hubs:
            return None
        shown = PushHealth(
            hub=self.offer.hubs[0],
            state="offered",
            delivered_at=self.delivered_at,
            error=self.error,
        )
        for one in sorted(self.held, key=lambda one: one.state, reverse=True):
            shown = replace(
                shown,
                hub=one.hub,
                state="active" if one.state == "active" else "pending",
                lease_until=one.lease_until,
            )
        return shown
