"""The part of the store that keeps subscriptions at hubs."""

from datetime import datetime

from aggregator.core.model import EntryChanges
from aggregator.core.pushes import Callback, Push, PushRecord
from aggregator.service.ports import ClaimedSource, Lease
from aggregator.store import claims, polls, pushes
from aggregator.store.claims import NewToken
from aggregator.store.engine import Database, unbroken


class KeepsPushes:
    """Signs `service.pushes.ports.PushStore`, together with what polling needs."""

    _database: Database
    _new_token: NewToken

    @unbroken
    async def due_pushes(self, *, now: datetime, limit: int) -> list[int]:
        async with self._database.reading() as connection:
            return await pushes.due_pushes(connection, now=now, limit=limit)

    @unbroken
    async def take_push(self, source_id: int, *, now: datetime, until: datetime) -> Push | None:
        async with self._database.writing() as connection:
            return await pushes.take_push(connection, source_id, now=now, until=until)

    @unbroken
    async def save_push(self, record: PushRecord) -> None:
        async with self._database.writing() as connection:
            await pushes.save_push(connection, record)

    @unbroken
    async def review_pushes(self, base: str | None) -> None:
        async with self._database.writing() as connection:
            await pushes.review_pushes(connection, base)

    @unbroken
    async def pushed_keys(self) -> list[str]:
        async with self._database.reading() as connection:
            return await pushes.pushed_keys(connection)

    @unbroken
    async def callback(self, token: str) -> tuple[Callback, Push] | None:
        async with self._database.reading() as connection:
            return await pushes.find_callback(connection, token)

    @unbroken
    async def confirm(self, callback: Callback) -> bool:
        async with self._database.writing() as connection:
            return await pushes.confirm(connection, callback)

    @unbroken
    async def claim_pushed(
        self, source_id: int, *, now: datetime, lease_until: datetime
    ) -> ClaimedSource | None:
        async with self._database.writing() as connection:
            return await claims.claim_pushed(
                connection, self._new_token, source_id, now=now, lease_until=lease_until
            )

    @unbroken
    async def save_pushed(
        self, lease: Lease, changes: EntryChanges, *, came_at: datetime, heard_at: datetime
    ) -> bool:
        async with self._database.writing() as connection:
            return await polls.save_pushed(
                connection, lease, changes, came_at=came_at, heard_at=heard_at
            )

    @unbroken
    async def poll_soon(self, source_id: int, *, at: datetime, heard_at: datetime) -> None:
        async with self._database.writing() as connection:
            await claims.poll_soon(connection, source_id, at=at, heard_at=heard_at)
