"""Brings a database to the schema of this program."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from aggregator.core.errors import StoreError
from aggregator.store.engine import Database

_SCRIPTS = Path(__file__).parent / "migrations"

_LOCK = 7_203_684_117
"""Any number, as long as it is always the same: PostgreSQL's advisory lock for migrations."""


async def upgrade(database: Database) -> None:
    """Runs what migrations are missing, in one transaction; of several processes one does it.

    Raises StoreError, also when a newer program made the database: to change it back might lose
    what that program knows.
    """
    await database.write(_upgrade, database.place)


async def is_current(database: Database) -> bool:
    """Whether the schema is this program's. Raises StoreError when nothing can be read."""
    return await database.read(_is_current)


def _is_current(connection: Connection) -> bool:
    heads = ScriptDirectory.from_config(_config()).get_heads()
    return set(MigrationContext.configure(connection).get_current_heads()) == set(heads)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection, place: str) -> None:
    if connection.dialect.name == "postgresql":  # SQLite's writers exclude each other anyway
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    present = set(MigrationContext.configure(connection).get_current_heads())
    if not present <= known:
        raise StoreError(
            f"the database {place} was made by a newer aggregator "
            f"(schema {', '.join(sorted(present - known))}): install that version, or a later one"
        )
    if present != set(scripts.get_heads()):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
