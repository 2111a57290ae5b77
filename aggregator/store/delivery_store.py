"""What delivering needs of the database, as methods. One public method is one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from aggregator.core.deliveries import Bounds, Delivery, DeliveryKind, DeliveryState, NewDelivery
from aggregator.store import deliveries
from aggregator.store.engine import Database
from aggregator.store.place import DomainOf


class DeliveryMethods:
    """Signs `service.deliveries.ports.DeliveryStore`; a part of SqlStore."""

    _database: Database
    _domain_of: DomainOf
    _new_token: Callable[[], str]

    async def sync_deliveries(
        self, kind: DeliveryKind, wanted: Sequence[NewDelivery], *, now: datetime
    ) -> None:
        await self._database.write(
            deliveries.sync_deliveries, kind, wanted, self._domain_of, now=now
        )

    async def order_delivery(self, delivery: NewDelivery, bounds: Bounds, *, now: datetime) -> bool:
        return await self._database.write(
            deliveries.order_delivery, delivery, self._domain_of, bounds, now=now
        )

    async def delivery_topics(self, kind: DeliveryKind) -> list[str]:
        return await self._database.read(deliveries.delivery_topics, kind)

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
        return await self._database.write(
            deliveries.claim_deliveries,
            self._new_token,
            kind,
            marks,
            now=now,
            lease_until=lease_until,
            limit=limit,
            failing=failing,
            per_domain=per_domain,
            under_way=under_way,
        )

    async def save_delivery(
        self, delivery: Delivery, state: DeliveryState, told: Mapping[int, bytes] | None = None
    ) -> bool:
        return await self._database.write(deliveries.save_delivery, delivery, state, told or {})

    async def confirm_subscription(
        self, verified: Delivery, *, expires_at: datetime, now: datetime
    ) -> bool:
        return await self._database.write(
            deliveries.confirm, verified, self._domain_of, expires_at=expires_at, now=now
        )

    async def pause_domain(
        self, domain: str, kinds: Collection[DeliveryKind], *, until: datetime
    ) -> None:
        await self._database.write(deliveries.pause_domain, domain, kinds, until)

    async def drop_delivery(self, delivery: Delivery) -> bool:
        return await self._database.write(deliveries.drop_delivery, delivery)

    async def release_deliveries(self, those: Collection[Delivery]) -> None:
        await self._database.write(deliveries.release_deliveries, those)

    async def drop_expired(self, *, now: datetime) -> int:
        return await self._database.write(deliveries.drop_expired, now=now)

    async def told_of(self, delivery: Delivery, numbers: Collection[int]) -> dict[int, bytes]:
        return await self._database.read(deliveries.told_of, delivery, numbers)
