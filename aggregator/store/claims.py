"""Who polls what next: due sources and the leases on them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select, update

from aggregator.service.ports import ClaimedSource, Lease, Overdue
from aggregator.store.mapping import AnyRow, claimed_source
from aggregator.store.pauses import domain_pauses, later
from aggregator.store.pushes import note_heard, standings
from aggregator.store.schema import UtcMicros, sources
from aggregator.store.statements import chunks

NewToken = Callable[[], str]

_LONGEST_WAIT = timedelta(days=400)
_LONGEST_LEASE = timedelta(days=1)
_LONGEST_PAUSE = timedelta(days=8)
"""Nobody schedules a poll, leases or pauses a source so far ahead: it was a wrong clock."""


def claim_due(
    connection: Connection,
    new_token: NewToken,
    *,
    now: datetime,
    lease_until: datetime,
    limit: int,
    failing: int,
    per_host: int,
    busy_hosts: Collection[str],
) -> list[ClaimedSource]:
    _mend_schedule(connection, now)
    hosts = Counter(dict.fromkeys(busy_hosts, per_host))
    rows: list[AnyRow] = []
    for kind, most in ((sources.c.failures == 0, limit), (sources.c.failures > 0, failing)):
        condition = kind & _may_be_claimed(now)
        rows += _choose(connection, condition, hosts, per_host, min(most, limit - len(rows)))
    return _lease(connection, rows, new_token, lease_until)


def _choose(
    connection: Connection,
    condition: ColumnElement[bool],
    hosts: Counter[str],
    per_host: int,
    limit: int,
) -> list[AnyRow]:
    """The longest overdue, as far as their hosts have room, which is counted in `hosts`."""
    chosen: list[AnyRow] = []
    while len(chosen) < limit:
        full = [host for host, count in hosts.items() if count >= per_host]
        taken = [row.id for row in chosen]
        open_ones = sources.c.host.not_in(full) & sources.c.id.not_in(taken)
        due = _in_turn(connection, condition & open_ones, limit - len(chosen))
        fitting = _within_hosts(due, hosts, per_host)
        chosen += fitting
        if len(fitting) == len(due):  # else hosts are full now, and others may still be due
            break
    return chosen


def _mend_schedule(connection: Connection, now: datetime) -> None:
    """What a wrong clock left in the future would stop a source for as long."""
    for column, longest, mended in (
        (sources.c.next_poll_at, _LONGEST_WAIT, now),
        (sources.c.lease_until, _LONGEST_LEASE, None),
        (sources.c.paused_until, _LONGEST_PAUSE, None),
        (sources.c.domain_paused_until, _LONGEST_PAUSE, None),
    ):
        connection.execute(
            update(sources).where(column > now + longest).values({column.name: mended})
        )


def _may_be_claimed(now: datetime) -> ColumnElement[bool]:
    return _is_polled() & (sources.c.next_poll_at <= now) & _is_free(now) & _may_be_asked(now)


def _is_free(now: datetime) -> ColumnElement[bool]:
    return or_(sources.c.lease_until.is_(None), sources.c.lease_until <= now)


def _in_turn(
    connection: Connection, condition: ColumnElement[bool], limit: int
) -> Sequence[AnyRow]:
    statement = (
        select(sources)
        .where(condition)
        .order_by(sources.c.next_poll_at, sources.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return connection.execute(statement).all()


def next_due(connection: Connection, *, after: datetime) -> datetime | None:
    statement = (
        select(sources.c.next_poll_at)
        .where(_is_polled(), sources.c.next_poll_at > after)
        .order_by(sources.c.next_poll_at)
        .limit(1)
    )
    found: datetime | None = connection.scalar(statement)
    return found


def first_due(
    connection: Connection, keys: Collection[str] | None, *, now: datetime
) -> datetime | None:
    first = select(func.min(sources.c.next_poll_at, type_=UtcMicros)).where(
        _is_polled(), _may_be_asked(now)
    )
    found = [
        connection.scalar(first if chunk is None else first.where(sources.c.key.in_(chunk)))
        for chunk in ([None] if keys is None else chunks(sorted(keys)))
    ]
    return min((moment for moment in found if moment), default=None)


def overdue(connection: Connection, *, now: datetime) -> list[Overdue]:
    statement = (
        select(sources.c.id, sources.c.key)
        .where(_may_be_claimed(now))
        .order_by(sources.c.next_poll_at, sources.c.id)
    )
    return [Overdue(source_id=row.id, key=row.key) for row in connection.execute(statement)]


def postpone(
    connection: Connection, times: Mapping[int, datetime], *, now: datetime, reason: str
) -> None:
    if times:
        # What was polled since they were found to be overdue has its time already.
        connection.execute(
            update(sources).where(sources.c.id == bindparam("source_id"), _may_be_claimed(now)),
            [
                {"source_id": source_id, "next_poll_at": at, "next_poll_reason": reason}
                for source_id, at in sorted(times.items())
            ],
        )


def recent_hosts(connection: Connection, *, since: datetime) -> dict[str, datetime]:
    statement = (
        select(sources.c.host, func.max(sources.c.last_poll_at, type_=UtcMicros).label("last"))
        .where(sources.c.last_poll_at > since)
        .group_by(sources.c.host)
    )
    return {row.host: row.last for row in connection.execute(statement)}


def _may_be_asked(now: datetime) -> ColumnElement[bool]:
    """A server that asks us to wait means all our polls of its owner's."""
    others = sources.alias()
    asking = select(others.c.domain).where(others.c.domain_paused_until > now)
    over = or_(sources.c.paused_until.is_(None), sources.c.paused_until <= now)
    return over & sources.c.domain.not_in(asking)


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


def claim(
    connection: Connection,
    new_token: NewToken,
    keys: Collection[str] | None,
    *,
    lease_until: datetime,
) -> list[ClaimedSource]:
    rows: list[AnyRow] = []
    for condition in _named(keys):
        statement = select(sources).where(condition).order_by(sources.c.id).with_for_update()
        rows += connection.execute(statement).all()
    rows.sort(key=lambda row: (row.next_poll_at, row.id))
    return _lease(connection, rows, new_token, lease_until)


def claim_pushed(
    connection: Connection,
    new_token: NewToken,
    source_id: int,
    *,
    now: datetime,
    lease_until: datetime,
) -> ClaimedSource | None:
    free = (sources.c.id == source_id) & _is_polled() & _is_free(now)
    rows = connection.execute(select(sources).where(free).with_for_update()).all()
    return next(iter(_lease(connection, rows, new_token, lease_until)), None)


def poll_soon(connection: Connection, source_id: int, *, at: datetime, heard_at: datetime) -> None:
    later_than_that = (sources.c.id == source_id) & (sources.c.next_poll_at > at)
    connection.execute(
        update(sources)
        .where(later_than_that)
        .values(next_poll_at=at, next_poll_reason="its hub says that there is news")
    )
    note_heard(connection, source_id, heard_at)


def _named(keys: Collection[str] | None) -> list[ColumnElement[bool]]:
    if keys is None:
        return [_is_polled()]
    return [sources.c.listed & sources.c.key.in_(chunk) for chunk in chunks(sorted(set(keys)))]


def _lease(
    connection: Connection,
    rows: Sequence[AnyRow],
    new_token: NewToken,
    lease_until: datetime,
) -> list[ClaimedSource]:
    if not rows:
        return []
    pauses = domain_pauses(connection)
    pushed = standings(connection, [row.id for row in rows])
    claimed = [
        claimed_source(
            row,
            new_token(),
            later(row.paused_until, pauses.get(row.domain)),
            pushed.get(row.id),
        )
        for row in rows
    ]
    connection.execute(
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


def hasten(connection: Connection, intervals: Mapping[str, timedelta], *, now: datetime) -> None:
    for chunk in chunks(intervals):
        waiting = (
            sources.c.key.in_(chunk)
            & (sources.c.failures + sources.c.throttles + sources.c.gone_count == 0)
            & (sources.c.next_poll_at > now)
        )
        found = select(sources).where(waiting).order_by(sources.c.id).with_for_update()
        rows = connection.execute(found).all()
        earlier = {row.id: _earliest(row, intervals[row.key], now) for row in rows}
        for row in rows:
            if earlier[row.id] < row.next_poll_at:
                connection.execute(
                    update(sources)
                    .where(sources.c.id == row.id)
                    .values(next_poll_at=earlier[row.id])
                )


def _earliest(row: AnyRow, interval: timedelta, now: datetime) -> datetime:
    last = row.last_poll_at or now - interval
    return max(now, last + interval, row.not_before or now, row.paused_until or now)


def suggest(connection: Connection, source_id: int, url: str) -> None:
    connection.execute(update(sources).where(sources.c.id == source_id).values(suggested_url=url))


def forgive(connection: Connection, source_ids: Collection[int], *, next_poll_at: datetime) -> None:
    if source_ids:
        blamed = (sources.c.id == bindparam("source_id")) & (sources.c.failures > 0)
        # One by one in the order of all who lock several: else two could wait for each other.
        connection.execute(
            update(sources).where(blamed).values(failures=sources.c.failures - 1),
            [
                {"source_id": source_id, "next_poll_at": next_poll_at}
                for source_id in sorted(set(source_ids))
            ],
        )
