"""Until when servers want no request, for all sources of their domain."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from aggregator.store.column_types import UtcMicros
from aggregator.store.schema import sources
from aggregator.store.statements import chunks

_PAUSED = (  # put together once: every claim asks
    select(sources.c.domain, func.max(sources.c.domain_paused_until, type_=UtcMicros).label("end"))
    .where(sources.c.domain_paused_until.is_not(None))
    .group_by(sources.c.domain)
)
_PAUSED_OF = _PAUSED.where(sources.c.domain.in_(bindparam("domains", expanding=True)))


def domain_pauses(
    connection: Connection, domains: Collection[str] | None = None
) -> dict[str, datetime]:
    """By registrable domain (None: of all); pauses that have ended are among them."""
    if domains is None:
        rows = connection.execute(_PAUSED).all()
    else:
        asked = chunks(domains)
        rows = [row for c in asked for row in connection.execute(_PAUSED_OF, {"domains": c})]
    return {row.domain: row.end for row in rows}


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
