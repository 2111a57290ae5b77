"""Who polls what next: due sources and the leases on them."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.core.urls import is_private_host
from aggregator.service.ports import ClaimedSource, Lease
from aggregator.store.mapping import AnyRow, claimed_source
from aggregator.store.schema import sources
from aggregator.store.statements import chunks

NewToken = Callable[[], str]

_LONGEST_WAIT = timedelta(days=400)
_LONGEST_LEASE = timedelta(days=1)
_LONGEST_PAUSE = timedelta(days=8)
"""Nobody schedules a poll, leases or pauses a source so far ahead: it was a wrong clock."""


async def claim_due(
    connection: AsyncConnection,
    new_token: NewToken,
    *,
    now: datetime,
    lease_until: datetime,
    limit: int,
    per_host: int,
    busy_hosts: Collection[str],
) -> list[ClaimedSource]:
    await _mend_schedule(connection, now)
    claimed: list[ClaimedSource] = []
    closed = await _paused_hosts(connection, now) | set(busy_hosts)
    hosts = Counter(dict.fromkeys(closed, per_host))
    while len(claimed) < limit:
        full = [host for host, count in hosts.items() if count >= per_host]
        due = (await connection.execute(_due(now, full, limit - len(claimed)))).all()
        chosen = _within_hosts(due, hosts, per_host)
        claimed += await _lease(connection, chosen, new_token, lease_until)
        if len(chosen) == len(due):  # else hosts are full now, and others may still be due
            break
    return claimed


async def _mend_schedule(connection: AsyncConnection, now: datetime) -> None:
    """What a wrong clock left in the future would stop a source for as long."""
    for column, longest, mended in (
        (sources.c.next_poll_at, _LONGEST_WAIT, now),
        (sources.c.lease_until, _LONGEST_LEASE, None),
        (sources.c.paused_until, _LONGEST_PAUSE, None),
    ):
        await connection.execute(
            update(sources).where(column > now + longest).values({column.name: mended})
        )


def _due(now: datetime, full_hosts: Sequence[str], limit: int) -> Select[Any]:
    return (
        select(sources)
        .where(
            _is_polled(),
            sources.c.next_poll_at <= now,
            or_(sources.c.lease_until.is_(None), sources.c.lease_until <= now),
            sources.c.host.not_in(full_hosts),
        )
        .order_by(sources.c.next_poll_at, sources.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


async def _paused_hosts(connection: AsyncConnection, now: datetime) -> set[str]:
    """A server that asks us to wait means all our polls of it.

    In a private network one address may serve many things, such as a bridge to many sites: there
    the source waits alone.
    """
    hosts = select(sources.c.host).where(sources.c.paused_until > now).distinct()
    return {host for host in await connection.scalars(hosts) if not is_private_host(host)}


def _is_polled() -> ColumnElement[bool]:
    return sources.c.listed & sources.c.enabled


def _within_hosts(due: Sequence[AnyRow], hosts: Counter[str], per_host: int) -> list[AnyRow]:
    """Of the due ones, those that their hosts have room for; counts them in `hosts`."""
    chosen = []
    for row in due:
        if hosts[row.host] < per_host:
            hosts[row.host] += 1
            chosen.append(row)
    return chosen


async def claim(
    connection: AsyncConnection,
    new_token: NewToken,
    keys: Collection[str] | None,
    *,
    lease_until: datetime,
) -> list[ClaimedSource]:
    rows: list[AnyRow] = []
    for condition in _named(keys):
        statement = select(sources).where(condition).order_by(sources.c.id).with_for_update()
        rows += (await connection.execute(statement)).all()
    rows.sort(key=lambda row: (row.next_poll_at, row.id))
    return await _lease(connection, rows, new_token, lease_until)


def _named(keys: Collection[str] | None) -> list[ColumnElement[bool]]:
    if keys is None:
        return [_is_polled()]
    return [sources.c.listed & sources.c.key.in_(chunk) for chunk in chunks(sorted(set(keys)))]


async def _lease(
    connection: AsyncConnection,
    rows: Sequence[AnyRow],
    new_token: NewToken,
    lease_until: datetime,
) -> list[ClaimedSource]:
    claimed = [claimed_source(row, new_token()) for row in rows]
    if claimed:
        await connection.execute(
            update(sources).where(sources.c.id == bindparam("source_id")),
            [
                {
                    "source_id": source.lease.source_id,
                    "lease_token": source.lease.token,
                    "lease_until": lease_until,
                }
                for source in claimed
            ],
        )
    return claimed


async def release(connection: AsyncConnection, leases: Collection[Lease]) -> None:
    if leases:
        await connection.execute(
            update(sources).where(
                sources.c.id == bindparam("source_id"), sources.c.lease_token == bindparam("token")
            ),
            [
                {
                    "source_id": lease.source_id,
                    "token": lease.token,
                    "lease_token": None,
                    "lease_until": None,
                }
                for lease in sorted(leases, key=lambda lease: lease.source_id)
            ],
        )


async def hasten(
    connection: AsyncConnection, keys: Collection[str], *, next_poll_at: datetime
) -> None:
    for chunk in chunks(keys):
        in_order = (sources.c.failures == 0) & sources.c.paused_until.is_(None)
        later = sources.c.key.in_(chunk) & (sources.c.next_poll_at > next_poll_at)
        await connection.execute(
            update(sources).where(later, in_order).values(next_poll_at=next_poll_at)
        )


async def forgive(
    connection: AsyncConnection, source_ids: Collection[int], *, next_poll_at: datetime
) -> None:
    for chunk in chunks(source_ids):
        blamed = sources.c.id.in_(chunk) & (sources.c.failures > 0)
        await connection.execute(
            update(sources)
            .where(blamed)
            .values(failures=sources.c.failures - 1, next_poll_at=next_poll_at)
        )
