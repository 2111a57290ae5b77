"""Who has the turn at a host: the SQL of `service.frontier`.

A host's row is written when a run opens and when it ends, and once a second while it lasts, with
those of all runs of a process. Rows of hosts are locked in the order of their names, and those of
sources without waiting, so that no two transactions wait for each other.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Text,
    TextClause,
    bindparam,
    case,
    cast,
    delete,
    func,
    select,
    text,
    tuple_,
    update,
)

from aggregator.service.frontier import Due, Ending, FrontierStats, HostRun
from aggregator.service.ports import ClaimedSource
from aggregator.store.claimed import CLAIMED, claimed_source
from aggregator.store.claims import (
    IS_OVERDUE,
    NOW,
    RUNNING,
    NewToken,
    by_now,
)
from aggregator.store.column_types import UtcMicros
from aggregator.store.mapping import AnyRow
from aggregator.store.one_of import Many, one_of
from aggregator.store.pushes import IS_PUSHED, standings
from aggregator.store.quick import run
from aggregator.store.schema import DUE, FAILING, hosts, sources
from aggregator.store.statements import chunks, give_way

_LONGEST_WAIT = timedelta(days=400)
_LONGEST_REST = timedelta(hours=1)
"""Nobody schedules a poll, or lets a host rest, so far ahead: it was a wrong clock."""

_PAGE = 200
"""Due sources in one look."""

_SMALLEST_PAGE = 20

MOST_COUNTED = 10_000
"""Due sources of a kind: how many more there are does not change what is to be done."""

_BEFORE = bindparam("before", type_=UtcMicros)
_IN_TURN = (sources.c.next_poll_at, sources.c.id)

# Put together once: that takes longer than to run them.
_FIRST_PAGE = {
    kind: select(sources.c.id, sources.c.host, sources.c.next_poll_at)
    .where(kind, IS_OVERDUE, sources.c.host.not_in(RUNNING))
    .order_by(*_IN_TURN)
    .limit(bindparam("most", type_=Integer))
    for kind in (DUE, FAILING)
}
_BY_ID = text("+sources.id")
"""In the order in which rows are locked, found by another index: SQLite would rather look through
all rows than sort a few."""

_MEND = {
    kind: update(sources)
    .where(
        sources.c.id.in_(
            select(sources.c.id)
            .where(kind, sources.c.next_poll_at > bindparam("far", type_=UtcMicros))
            .order_by(_BY_ID)
            .with_for_update()
        )
    )
    .values(next_poll_at=NOW, next_poll_reason="was due in more than a year, by a wrong clock")
    for kind in (DUE, FAILING)
}
_NAMES = {
    "sqlite": "SELECT value AS host FROM json_each(:hosts)",
    "postgresql": "SELECT host FROM unnest(CAST(:hosts AS text[])) AS host",
}


def _take_hosts(dialect: str) -> TextClause:
    """Who finds an old run there was not told when its last request was made: at its end, then."""
    statement = text(f"""
        INSERT INTO hosts (host, run_token, run_until)
        SELECT host, CAST(:token AS text), CAST(:until AS bigint) FROM ({_NAMES[dialect]}) AS asked
        WHERE true
        ON CONFLICT (host) DO UPDATE SET
            run_token = excluded.run_token,
            run_until = excluded.run_until,
            rest_until = CASE WHEN hosts.run_until IS NULL THEN hosts.rest_until
                         ELSE hosts.run_until + CAST(:delay AS bigint) END
        WHERE hosts.run_until IS NULL OR hosts.run_until <= :now OR hosts.run_until > :lease_end
        RETURNING host, rest_until""")  # noqa: S608  # two constants of ours
    moments = (bindparam(name, type_=UtcMicros) for name in ("until", "now", "lease_end"))
    return statement.bindparams(
        *moments, bindparam("hosts", type_=Many(Text)), bindparam("delay", type_=BigInteger)
    ).columns(host=Text, rest_until=UtcMicros)  # type: ignore[return-value]


_TAKE_HOSTS = {dialect: _take_hosts(dialect) for dialect in _NAMES}

# A source can have moved to another host since it was found. No join: the database takes it that
# few hosts have a run, and would look for all sources once for each of them.
_WHOSE = select(hosts.c.run_token).where(hosts.c.host == sources.c.host).scalar_subquery()
_LEASE = (
    update(sources)
    .where(
        sources.c.id.in_(
            select(sources.c.id)
            .where(one_of(sources.c.id, "ids"), IS_OVERDUE)
            .where(bindparam("run", type_=Text) == _WHOSE)
            # Those that somebody has locked are being saved or leased: they are left out.
            .with_for_update(skip_locked=True)
            .correlate(None)
        )
    )
    .values(lease_token=bindparam("token", type_=Text) + cast(sources.c.id, Text), lease_until=None)
    .returning(*CLAIMED, IS_PUSHED)
)
_OURS = (
    one_of(hosts.c.host, "names"),
    one_of(hosts.c.run_token, "tokens"),
)
_BYTES = {"sqlite": "BINARY", "postgresql": "C"}
"""The order of Python's, where a server's own may be that of a language."""
_RENEW = {
    dialect: update(hosts)
    .where(
        hosts.c.host.in_(
            select(hosts.c.host)
            .where(*_OURS)
            .order_by(hosts.c.host.collate(order))
            .with_for_update()
        )
    )
    .values(run_until=bindparam("until", type_=UtcMicros))
    .returning(hosts.c.host)
    for dialect, order in _BYTES.items()
}
_ENDED: dict[str, Any] = {"run_token": None, "run_until": None}
_COMPLETE = (
    update(hosts)
    .where(hosts.c.host == bindparam("name"), hosts.c.run_token == bindparam("token"))
    .values(
        **_ENDED,
        rest_until=func.coalesce(bindparam("rest", type_=UtcMicros), hosts.c.rest_until),
    )
)

# Whoever holds one of them is about to write it anew.
_FORGET = delete(hosts).where(
    hosts.c.host.in_(
        select(hosts.c.host)
        .where(
            case(
                (
                    hosts.c.run_until.is_(None),
                    func.coalesce(hosts.c.rest_until, _BEFORE) <= _BEFORE,
                ),
                else_=hosts.c.run_until <= bindparam("long_before", type_=UtcMicros),
            )
        )
        .with_for_update(skip_locked=True)
        .correlate(None)
    )
)


def _count(kind: TextClause) -> Select[Any]:
    first = select(sources.c.next_poll_at).where(kind, IS_OVERDUE).order_by(*_IN_TURN)
    due = first.limit(MOST_COUNTED).subquery()
    oldest: ColumnElement[Any] = func.min(due.c.next_poll_at, type_=UtcMicros)
    number: ColumnElement[Any] = func.count()
    return select(number.label("number"), oldest.label("oldest")).select_from(due)


_COUNTS = [_count(kind) for kind in (DUE, FAILING)]
_COUNT_RUNS = select(func.count()).select_from(RUNNING.subquery())
_COUNT_PAUSED = select(func.count()).where(
    sources.c.domain_paused_until.is_not(None), sources.c.domain_paused_until > NOW
)


def sweep(
    connection: Connection, *, now: datetime, limit: int, failing: int, per_host: int
) -> list[Due]:
    look = _Look(now, per_host)
    for kind, most in ((DUE, None), (FAILING, max(failing, 0))):
        look.find(connection, kind, limit=limit, most=most)
    return [Due(host, tuple(ids), look.priorities.get(host, 0)) for host, ids in look.found.items()]


@dataclass
class _Look:
    """The longest overdue, as far as their hosts have room."""

    now: datetime
    per_host: int
    found: dict[str, list[int]] = field(default_factory=dict)
    priorities: dict[str, int] = field(default_factory=dict)

    def find(
        self, connection: Connection, kind: TextClause, *, limit: int, most: int | None
    ) -> None:
        page = _FIRST_PAGE[kind]
        # As many are enough but where one has to be passed over.
        size = min(max(limit, _SMALLEST_PAGE), _PAGE)
        while len(self.found) < limit and most != 0:
            due = connection.execute(page, {**by_now(self.now), "most": size}).all()
            for id, host, next_poll_at in due:
                if most != 0 and self._takes(id, host, next_poll_at, kind, limit):
                    most = None if most is None else most - 1
            if len(due) < size:
                break
            size = _PAGE
            # What one host has of overdue sources may be without end.
            full = [host for host, ids in self.found.items() if len(ids) >= self.per_host]
            last = (due[-1].next_poll_at, due[-1].id)
            page = _FIRST_PAGE[kind].where(tuple_(*_IN_TURN) > last, sources.c.host.not_in(full))

    def _takes(
        self, id: int, host: str, next_poll_at: datetime, kind: TextClause, limit: int
    ) -> bool:
        ids = self.found.get(host)
        if ids is None:
            if len(self.found) == limit:
                return False
            ids = self.found[host] = []
            if kind is DUE:
                self.priorities[host] = int((self.now - next_poll_at).total_seconds())
        if len(ids) >= self.per_host:
            return False
        ids.append(id)
        return True


def open_hosts(
    connection: Connection,
    new_token: NewToken,
    hosts: Sequence[Due],
    *,
    now: datetime,
    until: datetime,
    delay: timedelta,
) -> list[HostRun]:
    """They share a token, as a host has one run at a time."""
    token = new_token()
    rests = _take(connection, token, hosts, now=now, until=until, delay=delay)
    wanted = [due for due in hosts if due.host in rests]
    by_host = _lease_due(connection, token, now, wanted)
    nothing = {due.host for due in wanted if due.sources and due.host not in by_host}
    if nothing:
        ended = [{"name": host, "token": token, "rest": None} for host in sorted(nothing)]
        run(connection, _COMPLETE, ended)
    return [
        HostRun(due.host, token, tuple(by_host.get(due.host, ())), rests[due.host], until)
        for due in wanted
        if due.host not in nothing
    ]


def _take(
    connection: Connection,
    token: str,
    hosts: Sequence[Due],
    *,
    now: datetime,
    until: datetime,
    delay: timedelta,
) -> dict[str, datetime | None]:
    """Until when each of the hosts rests that could be taken; None where it does not."""
    asked = {
        **by_now(now),
        "hosts": sorted(due.host for due in hosts),
        "token": token,
        "until": until,
        "delay": delay // timedelta(microseconds=1),
    }
    del asked["pause_end"]
    return {
        host: rest_until if _is_rest(rest_until, now) else None
        for host, rest_until in connection.execute(_TAKE_HOSTS[connection.dialect.name], asked)
    }


def _is_rest(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until <= now + _LONGEST_REST


def _lease_due(
    connection: Connection, token: str, now: datetime, wanted: Sequence[Due]
) -> dict[str, list[ClaimedSource]]:
    """What of it is due yet, by host and in the order in which it was asked for."""
    asked = [id for due in wanted for id in due.sources]
    rows: dict[int, AnyRow] = {}
    for chunk in chunks(asked):
        lease = {**by_now(now), "ids": chunk, "run": token, "token": f"{token}-"}
        # By place, here and in what is made of them: a name costs ten times as much.
        rows.update({row[0]: row for row in connection.execute(_LEASE, lease)})
        give_way()
    pushed = standings(connection, [id for id, row in rows.items() if row[-1]])
    by_host: defaultdict[str, list[ClaimedSource]] = defaultdict(list)
    for id in asked:
        if row := rows.get(id):
            # What is due is in no pause.
            source = claimed_source(row[:-1], f"{token}-{id}", None, pushed.get(id))
            by_host[source.host].append(source)
    return by_host


def renew(connection: Connection, runs: Collection[HostRun], *, until: datetime) -> set[str]:
    held: set[str] = set()
    for chunk in chunks(sorted(runs, key=attrgetter("host"))):
        ours = {"names": [run.host for run in chunk], "tokens": list({run.token for run in chunk})}
        held.update(connection.scalars(_RENEW[connection.dialect.name], {**ours, "until": until}))
    return held


def complete(connection: Connection, endings: Collection[Ending]) -> None:
    ended = [
        {"name": one.run.host, "token": one.run.token, "rest": one.rest_until}
        for one in sorted(endings, key=lambda one: one.run.host)
    ]
    run(connection, _COMPLETE, ended)


def mend(connection: Connection, *, now: datetime) -> None:
    for statement in _MEND.values():
        connection.execute(statement, {"now": now, "far": now + _LONGEST_WAIT})


def forget_hosts(connection: Connection, *, before: datetime) -> None:
    """A run that ended by itself may be followed by a rest."""
    connection.execute(_FORGET, {"before": before, "long_before": before - _LONGEST_REST})


def frontier_stats(connection: Connection, *, now: datetime) -> FrontierStats:
    due = [connection.execute(statement, by_now(now)).one() for statement in _COUNTS]
    return FrontierStats(
        due=sum(row.number for row in due),
        oldest=min((row.oldest for row in due if row.oldest), default=None),
        running=connection.scalar(_COUNT_RUNS, by_now(now)) or 0,
        paused=connection.scalar(_COUNT_PAUSED, by_now(now)) or 0,
    )
