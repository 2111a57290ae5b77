"""Who polls what next: due sources and the leases on them."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    TextClause,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from aggregator.service.ports import ClaimedSource, Lease, Overdue
from aggregator.store.column_types import UtcMicros
from aggregator.store.mapping import AnyRow, claimed_source
from aggregator.store.pauses import domain_pauses, later
from aggregator.store.pushes import note_heard, standings
from aggregator.store.schema import DUE, FAILING, sources
from aggregator.store.statements import chunks

NewToken = Callable[[], str]

_LONGEST_WAIT = timedelta(days=400)
_LONGEST_LEASE = timedelta(days=1)
_LONGEST_PAUSE = timedelta(days=8)
"""Nobody schedules a poll, leases or pauses a source so far ahead: it was a wrong clock."""

_PAGE = 200
"""Due sources in one look; a sweep seldom wants more."""

_SMALLEST_PAGE = 20

_IN_TURN = (sources.c.next_poll_at, sources.c.id)

# What the statements ask `_at` for.
_NOW = bindparam("now", type_=UtcMicros)
_LEASE_END = bindparam("lease_end", type_=UtcMicros)
_PAUSE_END = bindparam("pause_end", type_=UtcMicros)


def _is_over(
    until: ColumnElement[datetime | None], longest: BindParameter[datetime]
) -> ColumnElement[bool]:
    return or_(until.is_(None), until <= _NOW, until > longest)


def _may_be_asked() -> ColumnElement[bool]:
    """A server that asks us to wait means all our polls of its owner's."""
    others = sources.alias()
    asking = (
        (others.c.domain == sources.c.domain)
        & (others.c.domain_paused_until > _NOW)
        & (others.c.domain_paused_until <= _PAUSE_END)
    )
    return _is_over(sources.c.paused_until, _PAUSE_END) & ~exists().where(asking)


# Put together once: that takes longer than to run them.
_MAY_BE_ASKED = _may_be_asked()
_IS_FREE = _is_over(sources.c.lease_until, _LEASE_END)
_IS_OVERDUE = (sources.c.next_poll_at <= _NOW) & _IS_FREE & _MAY_BE_ASKED
_IS_POLLED = sources.c.listed & sources.c.enabled
_FIRST_PAGE = {
    kind: select(sources.c.id, sources.c.host, sources.c.next_poll_at)
    .where(kind, _IS_OVERDUE)
    .order_by(*_IN_TURN)
    .limit(bindparam("most", type_=Integer))
    for kind in (DUE, FAILING)
}
_CLAIMED = select(
    *(
        sources.c[name]
        for name in (
            *("id", "key", "url", "host", "domain", "moved_to", "moving_to", "moving_since"),
            *("etag", "last_modified", "body_digest", "ever_read", "failures", "gone_count"),
            *("throttles", "paused_until", "next_poll_at", "last_news_at", "info", "habits"),
        )
    )
)
_LOCK = _CLAIMED.where(
    sources.c.id.in_(bindparam("ids", expanding=True)), _IS_OVERDUE
).with_for_update(skip_locked=True)
_MEND = {
    kind: update(sources)
    .where(kind, sources.c.next_poll_at > bindparam("far", type_=UtcMicros))
    .values(next_poll_at=_NOW)
    for kind in (DUE, FAILING)
}
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


_NEXT_DUE = _first(sources.c.next_poll_at > _NOW)
_FIRST_DUE = _first(_MAY_BE_ASKED)
_FIRST_DUE_OF = select(func.min(sources.c.next_poll_at, type_=UtcMicros)).where(
    _IS_POLLED, _MAY_BE_ASKED, sources.c.key.in_(bindparam("keys", expanding=True))
)


def _at(now: datetime) -> dict[str, Any]:
    return {"now": now, "lease_end": now + _LONGEST_LEASE, "pause_end": now + _LONGEST_PAUSE}


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
    hosts = Counter(dict.fromkeys(busy_hosts, per_host))
    rows: list[AnyRow] = []
    for kind, most in ((DUE, limit), (FAILING, failing)):
        connection.execute(_MEND[kind], {"now": now, "far": now + _LONGEST_WAIT})
        room = min(most, limit - len(rows))
        rows += _take(connection, kind, now, hosts, per_host=per_host, limit=room)
    return _lease(connection, rows, new_token, lease_until, pauses_until=now + _LONGEST_PAUSE)


def _take(
    connection: Connection,
    kind: TextClause,
    now: datetime,
    hosts: Counter[str],
    *,
    per_host: int,
    limit: int,
) -> list[AnyRow]:
    """Locks them; in place of those that another process is just claiming it looks for others."""
    rows: list[AnyRow] = []
    seen: set[int] = set()
    look = partial(_choose, connection, kind, now, hosts, seen, per_host=per_host)
    while chosen := look(limit=limit - len(rows)):
        seen.update(chosen)
        locked = _locked(connection, chosen, now)
        rows += locked
        if len(locked) == len(chosen):
            break
    return rows


def _choose(
    connection: Connection,
    kind: TextClause,
    now: datetime,
    hosts: Counter[str],
    seen: Collection[int],
    *,
    per_host: int,
    limit: int,
) -> list[int]:
    """The longest overdue, as far as their hosts have room, which is counted in `hosts`."""
    chosen: list[int] = []
    page = _FIRST_PAGE[kind]
    # As many are enough but where one has to be passed over.
    most = min(max(limit, _SMALLEST_PAGE), _PAGE)
    while limit > len(chosen):
        due = connection.execute(page, {**_at(now), "most": most}).all()
        for row in due:
            if row.id not in seen and hosts[row.host] < per_host and len(chosen) < limit:
                hosts[row.host] += 1
                chosen.append(row.id)
        if len(due) < most:
            break
        most = _PAGE
        # What one host has of overdue sources may be without end.
        full = [host for host, count in hosts.items() if count >= per_host]
        last = (due[-1].next_poll_at, due[-1].id)
        page = _FIRST_PAGE[kind].where(tuple_(*_IN_TURN) > last, sources.c.host.not_in(full))
    return chosen


def _locked(connection: Connection, ids: Sequence[int], now: datetime) -> list[AnyRow]:
    """In the order of the ids; without those that another process has claimed meanwhile."""
    rows: dict[int, AnyRow] = {}
    for chunk in chunks(ids):
        rows.update({row.id: row for row in connection.execute(_LOCK, {**_at(now), "ids": chunk})})
    return [rows[each] for each in ids if each in rows]


def next_due(connection: Connection, *, after: datetime) -> datetime | None:
    return _earliest_of(connection.execute(_NEXT_DUE, {"now": after}).one())


def first_due(
    connection: Connection, keys: Collection[str] | None, *, now: datetime
) -> datetime | None:
    if keys is None:
        return _earliest_of(connection.execute(_FIRST_DUE, _at(now)).one())
    return _earliest_of(
        connection.scalar(_FIRST_DUE_OF, {**_at(now), "keys": chunk})
        for chunk in chunks(sorted(keys))
    )


def _earliest_of(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment), default=None)


def overdue(connection: Connection, *, now: datetime) -> list[Overdue]:
    columns = (sources.c.next_poll_at, sources.c.id, sources.c.key)
    rows: list[AnyRow] = []
    for kind in (DUE, FAILING):
        rows += connection.execute(select(*columns).where(kind, _IS_OVERDUE), _at(now))
    return [Overdue(source_id=row.id, key=row.key) for row in sorted(rows, key=itemgetter(0, 1))]


def postpone(
    connection: Connection, times: Mapping[int, datetime], *, now: datetime, reason: str
) -> None:
    if times:
        # What was polled since they were found to be overdue has its time already.
        connection.execute(
            update(sources).where(sources.c.id == bindparam("source_id"), _IS_POLLED, _IS_OVERDUE),
            [
                {
                    "source_id": source_id,
                    "next_poll_at": at,
                    "next_poll_reason": reason,
                    **_at(now),
                }
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


def claim(
    connection: Connection,
    new_token: NewToken,
    keys: Collection[str] | None,
    *,
    lease_until: datetime,
) -> list[ClaimedSource]:
    rows: list[AnyRow] = []
    for condition in _named(keys):
        statement = _CLAIMED.where(condition).order_by(sources.c.id).with_for_update()
        rows += connection.execute(statement).all()
    rows.sort(key=attrgetter("next_poll_at", "id"))
    return _lease(connection, rows, new_token, lease_until)


def claim_pushed(
    connection: Connection,
    new_token: NewToken,
    source_id: int,
    *,
    now: datetime,
    lease_until: datetime,
) -> ClaimedSource | None:
    free = (sources.c.id == source_id) & _IS_POLLED & _IS_FREE
    rows = connection.execute(_CLAIMED.where(free).with_for_update(), _at(now)).all()
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
        return [_IS_POLLED]
    return [sources.c.listed & sources.c.key.in_(chunk) for chunk in chunks(sorted(set(keys)))]


def _lease(
    connection: Connection,
    rows: Sequence[AnyRow],
    new_token: NewToken,
    lease_until: datetime,
    *,
    pauses_until: datetime | None = None,
) -> list[ClaimedSource]:
    """Pauses that last longer than `pauses_until` are a wrong clock's.

    The tokens of one claim differ by the source's id alone, so that one statement writes all.
    """
    if not rows:
        return []
    pauses = domain_pauses(connection, {row.domain for row in rows})
    pushed = standings(connection, [row.id for row in rows])
    token = f"{new_token()}-"
    claimed = []
    for row in rows:
        pause = later(row.paused_until, pauses.get(row.domain))
        if pause and pauses_until and pause > pauses_until:
            pause = None
        claimed.append(claimed_source(row, f"{token}{row.id}", pause, pushed.get(row.id)))
    for chunk in chunks([row.id for row in rows]):
        connection.execute(_TAKE_LEASE, {"ids": chunk, "token": token, "until": lease_until})
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
