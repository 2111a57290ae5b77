"""Leases on sources, and their schedule; who has the turn at a host is told in `frontier`."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    update,
)

from aggregator.service.ports import ClaimedSource, Lease, Overdue
from aggregator.store.claimed import CLAIMED, claimed_source
from aggregator.store.column_types import UtcMicros
from aggregator.store.mapping import AnyRow
from aggregator.store.pauses import domain_pauses, later
from aggregator.store.pushes import note_heard, standings
from aggregator.store.schema import DUE, FAILING, hosts, sources
from aggregator.store.statements import chunks

NewToken = Callable[[], str]

_LONGEST_LEASE = timedelta(days=1)
_LONGEST_PAUSE = timedelta(days=8)
"""Nobody leases or pauses a source so far ahead: it was a wrong clock."""

# What the statements ask `at` for.
NOW = bindparam("now", type_=UtcMicros)
LEASE_END = bindparam("lease_end", type_=UtcMicros)
_PAUSE_END = bindparam("pause_end", type_=UtcMicros)


def _is_over(
    until: ColumnElement[datetime | None], longest: BindParameter[datetime]
) -> ColumnElement[bool]:
    return or_(until.is_(None), until <= NOW, until > longest)


def _may_be_asked() -> ColumnElement[bool]:
    """A server that asks us to wait means all our polls of its owner's."""
    others = sources.alias()
    asking = (
        (others.c.domain == sources.c.domain)
        & (others.c.domain_paused_until > NOW)
        & (others.c.domain_paused_until <= _PAUSE_END)
    )
    return _is_over(sources.c.paused_until, _PAUSE_END) & ~exists().where(asking)


# Put together once: that takes longer than to run them.
_MAY_BE_ASKED = _may_be_asked()
_IS_FREE = _is_over(sources.c.lease_until, LEASE_END)
IS_OVERDUE = (sources.c.next_poll_at <= NOW) & _IS_FREE & _MAY_BE_ASKED
RUNNING = select(hosts.c.host).where(hosts.c.run_until > NOW, hosts.c.run_until <= LEASE_END)
"""Hosts that somebody has the turn at. They are few, and read once for all sources of a look."""
_IS_POLLED = sources.c.listed & sources.c.enabled
_IS_HELD = sources.c.lease_token.is_not(None) & sources.c.host.in_(RUNNING)
_TAKE_LEASE = (
    update(sources)
    .where(sources.c.id.in_(bindparam("ids", expanding=True)))
    .values(
        lease_token=bindparam("token", type_=Text) + cast(sources.c.id, Text),
        lease_until=bindparam("until", type_=UtcMicros),
    )
)


def _first(condition: ColumnElement[bool]) -> Select[Any]:
    """When the first of those that are polled is due, of either kind."""
    due = select(sources.c.next_poll_at).order_by(sources.c.next_poll_at).limit(1)
    return select(*(due.where(kind, condition).scalar_subquery() for kind in (DUE, FAILING)))


_NEXT_DUE = _first(sources.c.next_poll_at > NOW)
_FIRST_DUE = _first(_MAY_BE_ASKED)
_FIRST_DUE_OF = select(func.min(sources.c.next_poll_at, type_=UtcMicros)).where(
    _IS_POLLED, _MAY_BE_ASKED, sources.c.key.in_(bindparam("keys", expanding=True))
)


def by_now(now: datetime) -> dict[str, Any]:
    return {"now": now, "lease_end": now + _LONGEST_LEASE, "pause_end": now + _LONGEST_PAUSE}


def next_due(connection: Connection, *, after: datetime) -> datetime | None:
    return _earliest_of(connection.execute(_NEXT_DUE, {"now": after}).one())


def first_due(
    connection: Connection, keys: Collection[str] | None, *, now: datetime
) -> datetime | None:
    if keys is None:
        return _earliest_of(connection.execute(_FIRST_DUE, by_now(now)).one())
    return _earliest_of(
        connection.scalar(_FIRST_DUE_OF, {**by_now(now), "keys": chunk})
        for chunk in chunks(sorted(keys))
    )


def _earliest_of(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment), default=None)


def overdue(connection: Connection, *, now: datetime) -> list[Overdue]:
    columns = (sources.c.next_poll_at, sources.c.id, sources.c.key)
    rows: list[AnyRow] = []
    for kind in (DUE, FAILING):
        rows += connection.execute(select(*columns).where(kind, IS_OVERDUE), by_now(now))
    return [Overdue(source_id=row.id, key=row.key) for row in sorted(rows, key=itemgetter(0, 1))]


def postpone(
    connection: Connection, times: Mapping[int, datetime], *, now: datetime, reason: str
) -> None:
    if times:
        # What was polled since they were found to be overdue has its time already.
        connection.execute(
            update(sources).where(sources.c.id == bindparam("source_id"), _IS_POLLED, IS_OVERDUE),
            [
                {
                    "source_id": source_id,
                    "next_poll_at": at,
                    "next_poll_reason": reason,
                    **by_now(now),
                }
                for source_id, at in sorted(times.items())
            ],
        )


def claim(
    connection: Connection,
    new_token: NewToken,
    keys: Collection[str] | None,
    *,
    lease_until: datetime,
) -> list[ClaimedSource]:
    rows: list[AnyRow] = []
    which = [_IS_POLLED] if keys is None else _among(connection, {*keys}, sources.c.listed)
    for condition in which:
        found = select(*CLAIMED).where(condition).order_by(sources.c.id)
        rows += connection.execute(found.with_for_update()).all()
    rows.sort(key=attrgetter("next_poll_at", "id"))
    return _take_leases(connection, rows, new_token(), lease_until)


def claim_pushed(
    connection: Connection,
    new_token: NewToken,
    source_id: int,
    *,
    now: datetime,
    lease_until: datetime,
) -> ClaimedSource | None:
    free = (sources.c.id == source_id) & _IS_POLLED & _IS_FREE & ~_IS_HELD
    rows = connection.execute(select(*CLAIMED).where(free).with_for_update(), by_now(now)).all()
    return next(iter(_take_leases(connection, rows, new_token(), lease_until)), None)


def poll_soon(connection: Connection, source_id: int, *, at: datetime, heard_at: datetime) -> None:
    later_than_that = (sources.c.id == source_id) & (sources.c.next_poll_at > at)
    connection.execute(
        update(sources)
        .where(later_than_that)
        .values(next_poll_at=at, next_poll_reason="its hub says that there is news")
    )
    note_heard(connection, source_id, heard_at)


def _among(
    connection: Connection, keys: Collection[str], which: ColumnElement[bool]
) -> list[ColumnElement[bool]]:
    """Those of the sources that are `which`, in lots that go by their ids: all who lock several
    do so in that order, else two could wait for each other.
    """
    ids: list[int] = []
    for chunk in chunks(keys):
        ids += connection.scalars(select(sources.c.id).where(which, sources.c.key.in_(chunk)))
    return [which & sources.c.id.in_(chunk) for chunk in chunks(sorted(ids))]


def _take_leases(
    connection: Connection, rows: Sequence[AnyRow], token: str, lease_until: datetime
) -> list[ClaimedSource]:
    """The tokens of one claim differ by the source's id alone, so that one statement writes all."""
    if not rows:
        return []
    pauses = domain_pauses(connection, {row.domain for row in rows})
    pushed = standings(connection, [row.id for row in rows])
    token = f"{token}-"
    for chunk in chunks([row.id for row in rows]):
        connection.execute(_TAKE_LEASE, {"ids": chunk, "token": token, "until": lease_until})
    return [
        claimed_source(
            row,
            f"{token}{row.id}",
            later(row.paused_until, pauses.get(row.domain)),
            pushed.get(row.id),
        )
        for row in rows
    ]


def release(connection: Connection, leases: Collection[Lease]) -> None:
    if leases:
        connection.execute(
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


def hasten(
    connection: Connection, intervals: Mapping[str, timedelta], *, now: datetime, reason: str
) -> None:
    are_waiting = (sources.c.failures + sources.c.throttles + sources.c.gone_count == 0) & (
        sources.c.next_poll_at > now
    )
    for some in _among(connection, intervals, are_waiting):
        found = select(sources).where(some).order_by(sources.c.id).with_for_update()
        rows = connection.execute(found).all()
        earlier = {row.id: _earliest(row, intervals[row.key], now) for row in rows}
        for row in rows:
            if earlier[row.id] < row.next_poll_at:
                connection.execute(
                    update(sources)
                    .where(sources.c.id == row.id)
                    .values(next_poll_at=earlier[row.id], next_poll_reason=reason)
                )


def _earliest(row: AnyRow, interval: timedelta, now: datetime) -> datetime:
    last = row.last_poll_at or now - interval
    return max(now, last + interval, row.not_before or now, row.paused_until or now)


def suggest(connection: Connection, source_id: int, url: str) -> None:
    connection.execute(update(sources).where(sources.c.id == source_id).values(suggested_url=url))


def forgive(
    connection: Connection, source_ids: Collection[int], *, at: datetime, reason: str
) -> None:
    if source_ids:
        blamed = (sources.c.id == bindparam("source_id")) & (sources.c.failures > 0)
        # One by one in the order of all who lock several: else two could wait for each other.
        connection.execute(
            update(sources).where(blamed).values(failures=sources.c.failures - 1),
            [
                {"source_id": source_id, "next_poll_at": at, "next_poll_reason": reason}
                for source_id in sorted(set(source_ids))
            ],
        )
