"""Until when servers want no request, for all sources of their domain."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, select, true

from aggregator.store.schema import UtcMicros, sources
from aggregator.store.statements import chunks


def domain_pauses(
    connection: Connection, domains: Collection[str] | None = None
) -> dict[str, datetime]:
    """By registrable domain (None: of all); pauses that have ended are among them."""
    its = sources.c.domain
    end = func.max(sources.c.domain_paused_until, type_=UtcMicros)
    paused = select(its, end.label("end")).where(sources.c.domain_paused_until.is_not(None))
    found: dict[str, datetime] = {}
    for named in [true()] if domains is None else map(its.in_, chunks(domains)):
        rows = connection.execute(paused.where(named).group_by(its))
        found |= {row.domain: row.end for row in rows}
    return found


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
