"""What delivering needs of the database and of the log."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from aggregator.core.deliveries import Bounds, Delivery, DeliveryKind, DeliveryState, NewDelivery


class DeliveryStore(Protocol):
    """Whom we deliver to, and how far each has come. One method is one transaction.

    Times are the steady clock's.
    """

    async def sync_deliveries(
        self, kind: DeliveryKind, wanted: Sequence[NewDelivery], *, now: datetime
    ) -> None:
        """Makes these the deliveries of the kind; those that are there already stay as they are."""

    async def order_delivery(self, delivery: NewDelivery, bounds: Bounds, *, now: datetime) -> bool:
        """Adds a stranger's, or begins the same one anew; False where there are too many."""

    async def delivery_topics(self, kind: DeliveryKind) -> list[str]:
        """What the deliveries of a kind are about, each once."""

    async def claim_deliveries(
        self,
        kind: DeliveryKind,
        marks: Mapping[str, str],
        *,
        now: datetime,
        lease_until: datetime,
        limit: int,
        failing: int,
        per_domain: int,
        under_way: Mapping[str, int],
    ) -> list[Delivery]:
        """Those that are due and did not get yet what their topic's mark stands for; leased.

        At most `failing` of them failed last time; those come last. Together with those
        `under_way`, by domain, at most `per_domain` go to one.
        """

    async def save_delivery(
        self, delivery: Delivery, state: DeliveryState, told: Mapping[int, bytes] | None = None
    ) -> bool:
        """Ends a claim; `told` is kept by the numbers of stories.

        False when the claim was lost and nothing was written.
        """

    async def confirm_subscription(
        self, verified: Delivery, *, expires_at: datetime, now: datetime
    ) -> bool:
        """Carries out what a verification was about. A subscription that is renewed goes on from
        where it was. False when the claim was lost: the request was made anew.
        """

    async def pause_domain(
        self, domain: str, kinds: Collection[DeliveryKind], *, until: datetime
    ) -> None:
        """No delivery of these kinds to a domain is tried before then."""

    async def drop_delivery(self, delivery: Delivery) -> bool:
        """Ends a delivery that is claimed; False when the claim was lost."""

    async def release_deliveries(self, those: Collection[Delivery]) -> None:
        """Gives claims back; the deliveries are due as they were."""

    async def drop_expired(self, *, now: datetime) -> int:
        """Ends the subscriptions whose lease is over; returns how many."""

    async def told_of(self, delivery: Delivery, numbers: Collection[int]) -> dict[int, bytes]:
        """Of the stories with these numbers, those that it was told of, with what
        `save_delivery` was given of them.
        """


class DeliveryWatch(Protocol):
    """Who is told what happens."""

    def say(self, event: str, **facts: Any) -> None:
        """Something worth a line."""

    def warn(self, event: str, **facts: Any) -> None:
        """Something that the operator should look at."""

    def failed(self, doing: str, error: Exception) -> None:
        """Something of ours failed; delivering goes on."""
