"""What was ever served: it tells an address that is gone from one that never was."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.core.digest import digest
from aggregator.store.schema import served
from aggregator.store.statements import insert_missing


async def note(connection: AsyncConnection, names: Collection[tuple[str, str]]) -> None:
    # In one order everywhere: else two processes could wait for each other's rows.
    digests = sorted(digest(kind, name) for kind, name in names)
    if digests:
        rows = [{"name_digest": each} for each in digests]
        await connection.execute(insert_missing(connection, served), rows)


async def is_noted(connection: AsyncConnection, kind: str, name: str) -> bool:
    found = select(served.c.name_digest).where(served.c.name_digest == digest(kind, name))
    return (await connection.execute(found)).first() is not None
