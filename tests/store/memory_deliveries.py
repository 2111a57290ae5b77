"""The deliveries of the store in memory: signs the same contract as the database."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from aggregator.core.deliveries import Bounds, Delivery, DeliveryKind, DeliveryState, NewDelivery
from aggregator.core.urls import host_of

STRANGERS = {"verification", "subscription"}


@dataclass
class Ordered:
    order: NewDelivery
    domain: str
    state: DeliveryState
    expires_at: datetime | None = None
    lease: tuple[str, datetime] | None = None

    def is_due(self, now: datetime) -> bool:
        def over(moment: datetime | None, longest: timedelta) -> bool:
            return moment is None or not now < moment <= now + longest

        expired = self.expires_at is not None and self.expires_at <= now
        free = over(self.lease[1] if self.lease else None, timedelta(hours=1))
        return not expired and free and over(self.state.next_try_at, timedelta(days=2))


class MemoryDeliveries:
    """A part of MemoryStore."""

    _ids: Iterator[int]
    _domain_of: Any

    def __init__(self) -> None:
        self._deliveries: dict[bytes, Ordered] = {}
        self._told: dict[bytes, dict[int, bytes]] = {}

    async def sync_deliveries(
        self, kind: DeliveryKind, wanted: Sequence[NewDelivery], *, now: datetime
    ) -> None:
        by_digest = {delivery.digest: delivery for delivery in wanted}
        for key, ordered in list(self._deliveries.items()):
            if ordered.order.kind == kind and key not in by_digest:
                self._forget(key)
        for key, delivery in by_digest.items():
            self._deliveries.setdefault(key, self._ordered(delivery, now))

    async def order_delivery(self, delivery: NewDelivery, bounds: Bounds, *, now: datetime) -> bool:
        ordered = self._ordered(delivery, now)
        others = [
            each
            for key, each in self._deliveries.items()
            if key != delivery.digest and each.order.kind in STRANGERS
        ]
        near = [each.order.kind for each in others if each.domain == ordered.domain]
        full = (
            len(others) >= bounds.in_all
            or len(near) >= bounds.in_domain
            or near.count("verification") >= bounds.unverified_in_domain
        )
        if not full:
            self._deliveries[delivery.digest] = ordered
        return not full

    def _ordered(self, delivery: NewDelivery, now: datetime) -> Ordered:
        state = DeliveryState(sent=delivery.sent, cursor=delivery.cursor, next_try_at=now)
        domain = self._domain_of(host_of(delivery.url))
        return Ordered(order=delivery, domain=domain, state=state)

    async def delivery_topics(self, kind: DeliveryKind) -> list[str]:
        orders = (each.order for each in self._deliveries.values())
        return sorted({order.topic for order in orders if order.kind == kind})

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
        domains = Counter(under_way)
        due = [
            each
            for each in self._deliveries.values()
            if each.order.kind == kind
            and each.is_due(now)
            and each.order.topic in marks
            and each.state.sent != marks[each.order.topic]
        ]
        due.sort(key=lambda each: (each.state.failures > 0, each.state.next_try_at))
        claimed: list[Delivery] = []
        for each in due:
            if len(claimed) == limit or domains[each.domain] >= per_domain:
                continue
            if each.state.failures and (failing := failing - 1) < 0:
                continue
            domains[each.domain] += 1
            claimed.append(self._lease_delivery(each, lease_until))
        return claimed

    def _lease_delivery(self, each: Ordered, until: datetime) -> Delivery:
        token = f"token-{next(self._ids)}"
        each.lease = (token, until)
        order, state = each.order, each.state
        return Delivery(
            kind=order.kind,
            digest=order.digest,
            token=token,
            topic=order.topic,
            domain=each.domain,
            url=order.kept_url,
            secret=order.secret,
            mode=order.mode,
            lease=order.lease,
            sent=state.sent,
            cursor=state.cursor,
            failures=state.failures,
            failing_since=state.failing_since,
        )

    def _held(self, delivery: Delivery) -> Ordered | None:
        each = self._deliveries.get(delivery.digest)
        return each if each and each.lease and each.lease[0] == delivery.token else None

    async def save_delivery(
        self, delivery: Delivery, state: DeliveryState, told: Mapping[int, bytes] | None = None
    ) -> bool:
        each = self._held(delivery)
        if each is None:
            return False
        standing, wanted = each.state.next_try_at, state.next_try_at
        if wanted is None or (standing and wanted < standing <= wanted + timedelta(days=2)):
            state = replace(state, next_try_at=standing)
        each.state, each.lease = state, None
        self._told.setdefault(delivery.digest, {}).update(told or {})
        return True

    async def confirm_subscription(
        self, verified: Delivery, *, expires_at: datetime, now: datetime
    ) -> bool:
        if not await self.drop_delivery(verified):
            return False
        order = NewDelivery(
            kind="subscription",
            topic=verified.topic,
            url=verified.url or "",
            secret=verified.secret,
            sent=verified.sent,
        )
        before = self._deliveries.pop(order.digest, None)
        if verified.mode == "subscribe":
            made = self._ordered(order, now)
            made.expires_at = expires_at
            if before:
                made.state = replace(made.state, sent=before.state.sent)
                made.lease = before.lease
            self._deliveries[order.digest] = made
        return True

    async def pause_domain(
        self, domain: str, kinds: Collection[DeliveryKind], *, until: datetime
    ) -> None:
        for each in self._deliveries.values():
            standing = each.state.next_try_at
            is_meant = each.domain == domain and each.order.kind in kinds
            if is_meant and standing and standing < until:
                each.state = replace(each.state, next_try_at=until)

    async def drop_delivery(self, delivery: Delivery) -> bool:
        if self._held(delivery) is None:
            return False
        self._forget(delivery.digest)
        return True

    def _forget(self, key: bytes) -> None:
        del self._deliveries[key]
        self._told.pop(key, None)

    async def release_deliveries(self, those: Collection[Delivery]) -> None:
        for delivery in those:
            if each := self._held(delivery):
                each.lease = None

    async def drop_expired(self, *, now: datetime) -> int:
        over = [
            k for k, each in self._deliveries.items() if each.expires_at and each.expires_at <= now
        ]
        for key in over:
            self._forget(key)
        return len(over)

    async def told_of(self, delivery: Delivery, numbers: Collection[int]) -> dict[int, bytes]:
        known = self._told.get(delivery.digest, {})
        return {number: known[number] for number in numbers if number in known}
