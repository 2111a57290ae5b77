"""Runs migrations, one after the other."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from aggregator.core.errors import StoreError

SCRIPTS = Path(__file__).parent / "migrations"

_LOCK = 7_203_684_117
"""Any number, as long as it is always the same: PostgreSQL's advisory lock for migrations."""


def run_missing(connection: Connection, place: str) -> None:
    """Those that the database has not seen. Raises StoreError for one of a newer program: to change
    it back might lose what that program knows.
    """
    if connection.dialect.name == "postgresql":  # SQLite's writers exclude each other anyway
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
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
