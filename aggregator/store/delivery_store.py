"""What delivering needs of the database, as methods. One public method is one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from aggregator.core.deliveries import Bounds, Delivery, DeliveryKind, DeliveryState, NewDelivery
from aggregator.store import deliveries
from aggregator.store.engine import Database, unbroken
from aggregator.store.place import DomainOf


class DeliveryMethods:
    """Signs `service.deliveries.ports.DeliveryStore`; a part of SqlStore."""

    _database: Database
    _domain_of: DomainOf
    _new_token: Callable[[], str]

    @unbroken
    async def sync_deliveries(
        self, kind: DeliveryKind, wanted: Sequence[NewDelivery], *, now: datetime
    ) -> None:
        async with self._database.writing() as connection:
            await deliveries.sync_deliveries(connection, kind, wanted, self._domain_of, now=now)

    @unbroken
    async def order_delivery(self, delivery: NewDelivery, bounds: Bounds, *, now: datetime) -> bool:
        async with self._database.writing() as connection:
            return await deliveries.order_delivery(
                connection, delivery, self._domain_of, bounds, now=now
            )

    @unbroken
    async def delivery_topics(self, kind: DeliveryKind) -> list[str]:
        async with self._database.reading() as connection:
            return await deliveries.delivery_topics(connection, kind)

    @unbroken
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
        async with self._database.writing() as connection:
            return await deliveries.claim_deliveries(
                connection,
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

    @unbroken
    async def save_delivery(
        self, delivery: Delivery, state: DeliveryState, told: Mapping[int, bytes] | None = None
    ) -> bool:
        async with self._database.writing() as connection:
            return await deliveries.save_delivery(connection, delivery, state, told or {})

    @unbroken
    async def confirm_subscription(
        self, verified: Delivery, *, expires_at: datetime, now: datetime
    ) -> bool:
        async with self._database.writing() as connection:
            return await deliveries.confirm(
                connection, verified, self._domain_of, expires_at=expires_at, now=now
            )

    @unbroken
    async def pause_domain(
        self, domain: str, kinds: Collection[DeliveryKind], *, until: datetime
    ) -> None:
        async with self._database.writing() as connection:
            await deliveries.pause_domain(connection, domain, kinds, until)

    @unbroken
    async def drop_delivery(self, delivery: Delivery) -> bool:
        async with self._database.writing() as connection:
            return await deliveries.drop_delivery(connection, delivery)

    @unbroken
    async def release_deliveries(self, those: Collection[Delivery]) -> None:
        async with self._database.writing() as connection:
            await deliveries.release_deliveries(connection, those)

    @unbroken
    async def drop_expired(self, *, now: datetime) -> int:
        async with self._database.writing() as connection:
            return await deliveries.drop_expired(connection, now=now)

    @unbroken
    async def told_of(self, delivery: Delivery, numbers: Collection[int]) -> dict[int, bytes]:
        async with self._database.reading() as connection:
            return await deliveries.told_of(connection, delivery, numbers)
