"""Whether a database has the schema of this program, and how it gets it.

Alembic, with all that it brings, takes 7 MB and a third of a second: it is imported where there is
something to migrate, which at most starts there is not.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from aggregator.store.engine import Database

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


async def upgrade(database: Database) -> None:
    """Runs what migrations are missing, in one transaction; of several processes one does it.

    Raises StoreError, also when a newer program made the database: to change it back might lose
    what that program knows.
    """
    if not await is_current(database):
        from aggregator.store.upgrading import run_missing  # noqa: PLC0415  see above

        await database.write(run_missing, database.place)


async def is_current(database: Database) -> bool:
    """Whether the schema is this program's. Raises StoreError when nothing can be read."""
    return await database.read(_is_current)


def newest() -> str:
    """The schema of this program, as databases name it."""
    return max(path.name for path in _VERSIONS.glob("v*.py")).partition("_")[0].removeprefix("v")


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    present = connection.scalars(text("SELECT version_num FROM alembic_version"))
    return list(present) == [newest()]
