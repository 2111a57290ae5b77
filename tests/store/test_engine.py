import asyncio
import socket
import sqlite3
import threading
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from sqlalchemy import make_url, text

from aggregator.core.errors import StoreError
from aggregator.store.engine import connect, unbroken
from aggregator.store.sql import SqlStore, open_store
from tests.patience import PATIENCE
from tests.store.steps import configure

PASSWORD = "hunter2"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "test.db"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "sqlite://",
        "mysql://root@localhost/x",
        f"postgres://me:{PASSWORD}@localhost/x",
        f"postgresql://me:{PASSWORD}@localhost:port/x",
    ],
)
def test_an_address_that_names_no_database_is_refused_with_the_right_form(url):
    with pytest.raises(StoreError, match="sqlite:///FILE") as caught:
        connect(url)

    assert PASSWORD not in str(caught.value)


async def test_a_missing_directory_is_told_with_the_file(path):
    with pytest.raises(StoreError, match="cannot be opened: its directory must exist") as caught:
        await open_store(f"sqlite:///{path.parent}/missing/test.db")

    assert "missing/test.db" in str(caught.value)


async def test_a_file_that_is_no_database_is_left_as_it_is(path):
    path.write_text("a diary, not a database " * 100)

    with pytest.raises(StoreError, match="is not an SQLite database"):
        await open_store(f"sqlite:///{path}")

    assert path.read_text().startswith("a diary")


async def test_a_database_that_another_program_locks_is_told_and_works_again_later(path):
    await (await open_store(f"sqlite:///{path}")).aclose()
    store = SqlStore(connect(f"sqlite:///{path}", busy_timeout=0.01))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="is locked by another program"):
            await configure(store, "a")
        await store.ping()
        other.execute("ROLLBACK")

    await configure(store, "a")
    await store.aclose()


async def test_a_full_disk_is_told_and_reading_goes_on(path):
    store = await open_store(f"sqlite:///{path}")
    await store.aclose()
    database = connect(f"sqlite:///{path}")
    store = SqlStore(database)
    # It holds for a connection; this is the only one yet.
    small = text("PRAGMA max_page_count = 1")
    await database.write(lambda connection: connection.execute(small).all())

    with pytest.raises(StoreError, match="the disk is full"):
        await configure(store, *(f"s{n}" for n in range(500)))

    assert await store.sources() == []
    await store.aclose()


async def test_sqlite_is_set_up_for_one_writer_among_readers(path):
    database = connect(f"sqlite:///{path}")
    names = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "wal_autocheckpoint")

    def settings(connection):
        return [connection.scalar(text(f"PRAGMA {name}")) for name in names]

    reading, writing = await database.read(settings), await database.write(settings)
    await database.aclose()

    assert reading == ["wal", 1, 1, 30_000, 1000]
    assert writing == ["wal", 1, 1, 30_000, 4000]


async def test_reading_goes_on_while_somebody_writes(path):
    store = await open_store(f"sqlite:///{path}")
    async with Held(store, "write"), asyncio.timeout(PATIENCE):
        await store.ping()
        assert await store.sources() == []
    await store.aclose()


async def test_a_long_read_holds_up_neither_other_reads_nor_the_writer(path):
    store = await open_store(f"sqlite:///{path}")
    async with Held(store, "read"), Held(store, "read"), asyncio.timeout(PATIENCE):
        await configure(store, "a")
        assert len(await store.sources()) == 1
    await store.aclose()


class Held:
    """A transaction that goes on until the block ends; the event loop is free meanwhile."""

    def __init__(self, store, kind):
        self._run = getattr(store._database, kind)
        self._begun, self._over = threading.Event(), threading.Event()

    async def __aenter__(self):
        self._transaction = asyncio.create_task(self._run(self._hold))
        await asyncio.to_thread(self._begun.wait, PATIENCE)

    async def __aexit__(self, *_):
        self._over.set()
        await self._transaction

    def _hold(self, connection):
        connection.execute(text("SELECT number FROM revision")).all()
        self._begun.set()
        assert self._over.wait(2 * PATIENCE)


async def test_a_server_that_does_not_answer_is_named_without_the_password():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StoreError, match="does not answer") as caught:
            await open_store(f"postgresql://me:{PASSWORD}@127.0.0.1:{port}/news")

    assert f"127.0.0.1:{port}/news" in str(caught.value)
    assert PASSWORD not in str(caught.value)


async def test_a_missing_database_on_a_server_is_told(postgres_server):
    parts = urlsplit(postgres_server)
    url = parts._replace(path="/nowhere").geturl()

    with pytest.raises(StoreError, match='database "nowhere" does not exist'):
        await open_store(url)


async def test_a_user_that_may_make_no_tables_is_told_what_it_lacks(empty_postgres):
    owner = connect(empty_postgres)
    role = make_url(empty_postgres).database
    create = text(f"CREATE ROLE {role} LOGIN")
    revoke = text("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as since PostgreSQL 15
    await owner.write(lambda connection: [connection.execute(each) for each in (create, revoke)])
    url = make_url(empty_postgres).set(username=role).render_as_string(hide_password=False)

    with pytest.raises(StoreError, match=r"permission denied .* its user must own it"):
        await open_store(url)

    await owner.write(lambda connection: connection.execute(text(f"DROP ROLE {role}")))
    await owner.aclose()


async def test_connections_that_the_server_closed_are_replaced(postgres):
    store = await open_store(postgres)
    other = connect(postgres)
    await store.ping()
    ending = text(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await other.write(lambda connection: connection.execute(ending))

    await store.ping()
    await configure(store, "a")
    await other.aclose()
    await store.aclose()


@pytest.mark.parametrize("mode", ["disable", "prefer"])
async def test_sslmode_is_understood_as_elsewhere(postgres, mode):
    joint = "&" if "?" in postgres else "?"
    store = await open_store(f"{postgres}{joint}sslmode={mode}")

    await store.ping()
    await store.aclose()


class _WithoutModules:
    """A connection to an SQLite that was built small."""

    def execute(self, _: str) -> list[tuple[str]]:
        return [("json_each",)]

    def close(self) -> None:
        """Nothing is open."""


def test_an_sqlite_that_cannot_search_is_refused_with_a_way_out(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "connect", lambda _: _WithoutModules())

    with pytest.raises(StoreError, match=r"without FTS5; take another Python"):
        connect(f"sqlite:///{path}")


async def test_a_transaction_comes_to_its_end_however_often_its_caller_is_cancelled():
    started, free, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def transaction() -> None:
        started.set()
        await free.wait()
        ended.set()

    waiting = asyncio.create_task(unbroken(transaction()))
    await started.wait()
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0)
    free.set()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
