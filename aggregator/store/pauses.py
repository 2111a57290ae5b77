"""Until when servers want no request, for all sources of their domain."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from aggregator.store.schema import UtcMicros, sources


def domain_pauses(connection: Connection) -> dict[str, datetime]:
    """By registrable domain; pauses that have ended are among them."""
    end = func.max(sources.c.domain_paused_until, type_=UtcMicros)
    statement = (
        select(sources.c.domain, end.label("end"))
        .where(sources.c.domain_paused_until.is_not(None))
        .group_by(sources.c.domain)
    )
    return {row.domain: row.end for row in connection.execute(statement)}


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
