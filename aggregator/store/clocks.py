"""What a server takes for the time."""

from datetime import datetime

from sqlalchemy import Connection, func, select

_TIME = select(func.clock_timestamp())


def time(connection: Connection) -> datetime | None:
    """None on SQLite, which knows what our machine says."""
    if connection.dialect.name == "sqlite":
        return None
    told: datetime | None = connection.scalar(_TIME)
    return told
