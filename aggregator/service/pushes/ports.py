"""What subscriptions at hubs need of the database."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from aggregator.core.model import EntryChanges
from aggregator.core.pushes import Callback, Push, PushRecord
from aggregator.service.ports import ClaimedSource, Lease


class PushStore(Protocol):
    """Where subscriptions at hubs are kept. One method is one transaction; steady clock."""

    async def due_pushes(self, *, now: datetime, limit: int) -> list[int]:
        """The ids of the sources whose subscriptions want a look, longest overdue first."""

    async def take_push(self, source_id: int, *, now: datetime, until: datetime) -> Push | None:
        """The subscriptions of a source that are due; nobody gets them again before `until`."""

    async def save_push(self, record: PushRecord) -> None: ...

    async def review_pushes(self, base: str | None) -> None:
        """Makes due what has no callback below this address, or (None) has any at all."""

    async def pushed_keys(self) -> list[str]:
        """The sources with a verified subscription."""

    async def callback(self, token: str) -> tuple[Callback, Push] | None:
        """The subscription with this token, and its source."""

    async def confirm(self, callback: Callback) -> bool:
        """Puts a verified subscription in the place of the active ones of its source.

        Those are ending then. False when it was over meanwhile.
        """

    async def claim_pushed(
        self, source_id: int, *, now: datetime, lease_until: datetime
    ) -> ClaimedSource | None:
        """The source, leased for what was pushed; None while somebody else holds it."""

    async def save_pushed(
        self, lease: Lease, changes: EntryChanges, *, came_at: datetime, heard_at: datetime
    ) -> bool:
        """What a push changes, and no more; `came_at` is the wall clock's.

        Everything or nothing; False when the lease was lost and nothing was written.
        """

    async def poll_soon(self, source_id: int, *, at: datetime, heard_at: datetime) -> None:
        """Its hub says that there is news: it is polled then, unless a server asks for a pause."""

    async def release(self, leases: Collection[Lease]) -> None: ...

    async def hasten(
        self, intervals: Mapping[str, timedelta], *, now: datetime, reason: str
    ) -> None: ...
