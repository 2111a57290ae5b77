"""What was ever served: it tells an address that is gone from one that never was."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from aggregator.core.digest import digest
from aggregator.store.schema import served
from aggregator.store.statements import insert_missing


def note(connection: Connection, names: Collection[tuple[str, str]]) -> None:
    # In one order everywhere: else two processes could wait for each other's rows.
    digests = sorted(digest(kind, name) for kind, name in names)
    if digests:
        rows = [{"name_digest": each} for each in digests]
        connection.execute(insert_missing(connection, served), rows)


def is_noted(connection: Connection, kind: str, name: str) -> bool:
    found = select(served.c.name_digest).where(served.c.name_digest == digest(kind, name))
    return connection.execute(found).first() is not None
