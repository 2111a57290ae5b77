"""The part of the store that keeps subscriptions at hubs."""

from datetime import datetime

from aggregator.core.model import EntryChanges
from aggregator.core.pushes import Callback, Push, PushRecord
from aggregator.service.ports import ClaimedSource, Lease
from aggregator.store import claims, pushes, saving
from aggregator.store.claims import NewToken
from aggregator.store.engine import Database


class KeepsPushes:
    """Signs `service.pushes.ports.PushStore`, together with what polling needs."""

    _database: Database
    _new_token: NewToken

    async def due_pushes(self, *, now: datetime, limit: int) -> list[int]:
        return await self._database.read(pushes.due_pushes, now=now, limit=limit)

    async def take_push(self, source_id: int, *, now: datetime, until: datetime) -> Push | None:
        return await self._database.write(pushes.take_push, source_id, now=now, until=until)

    async def save_push(self, record: PushRecord) -> None:
        await self._database.write(pushes.save_push, record)

    async def review_pushes(self, base: str | None) -> None:
        await self._database.write(pushes.review_pushes, base)

    async def pushed_keys(self) -> list[str]:
        return await self._database.read(pushes.pushed_keys)

    async def callback(self, token: str) -> tuple[Callback, Push] | None:
        return await self._database.read(pushes.find_callback, token)

    async def confirm(self, callback: Callback) -> bool:
        return await self._database.write(pushes.confirm, callback)

    async def claim_pushed(
        self, source_id: int, *, now: datetime, lease_until: datetime
    ) -> ClaimedSource | None:
        return await self._database.write(
            claims.claim_pushed, self._new_token, source_id, now=now, lease_until=lease_until
        )

    async def save_pushed(
        self, lease: Lease, changes: EntryChanges, *, came_at: datetime, heard_at: datetime
    ) -> bool:
        return await self._database.write(
            saving.save_pushed, lease, changes, came_at=came_at, heard_at=heard_at
        )

    async def poll_soon(self, source_id: int, *, at: datetime, heard_at: datetime) -> None:
        await self._database.write(claims.poll_soon, source_id, at=at, heard_at=heard_at)
