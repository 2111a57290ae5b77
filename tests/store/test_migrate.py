import asyncio
import subprocess
import sys

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from aggregator.core.errors import StoreError
from aggregator.core.model import Content
from aggregator.service.ports import Selection
from aggregator.store import migrations
from aggregator.store.engine import connect
from aggregator.store.migrate import newest, upgrade
from aggregator.store.schema import metadata
from aggregator.store.sql import open_store
from aggregator.store.upgrading import SCRIPTS
from tests.builders import NOON
from tests.store.steps import EVERYTHING, claim_one, configure, health, poll, story, titles


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request, tmp_path):
    """The address of a database without tables."""
    if request.param == "postgres":
        return request.getfixturevalue("empty_postgres")
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
async def database(empty_url):
    database = connect(empty_url)
    yield database
    await database.aclose()


async def tables(database) -> set[str]:
    return set(await database.read(lambda connection: inspect(connection).get_table_names()))


async def run(database, *statements: str, **values: object) -> None:
    await database.write(_run, statements, values)


def _run(connection, statements, values):
    for statement in statements:
        connection.execute(
            text(statement), {n: v for n, v in values.items() if f":{n}" in statement}
        )


async def test_the_migrations_make_the_tables_that_the_code_uses(database):
    await upgrade(database)

    assert await database.read(_differences) == []


def _differences(connection):
    options = {"include_name": _is_described}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def _is_described(name: str | None, kind: str, _: object) -> bool:
    """The search index is of another make on each database: `searching` speaks SQL to it."""
    return kind != "table" or name is None or not name.startswith("search")


async def test_a_second_start_finds_everything_as_it_was(empty_url):
    for name in ("1", "2"):
        store = await open_store(empty_url)
        await configure(store, "a", now=NOON)
        await poll(store, "a", story(name))
        shown = await titles(store)
        await store.aclose()

    assert shown == ["Title 2", "Title 1"]


async def test_several_processes_may_start_at_once(empty_url):
    stores = await asyncio.gather(*(open_store(empty_url) for _ in range(4)))

    await asyncio.gather(*(store.ping() for store in stores))
    assert {(await store.revision()).number for store in stores} == {0}
    for store in stores:
        await store.aclose()


def test_the_newest_schema_is_known_by_the_names_of_the_migrations():
    heads = ScriptDirectory(str(SCRIPTS)).get_heads()

    assert [newest()] == heads


def test_a_start_that_migrates_nothing_spares_what_only_others_need(tmp_path):
    start = (
        "import asyncio, sys; from aggregator.store.sql import open_store; "
        f"asyncio.run(open_store('sqlite:///{tmp_path}/test.db')); "
        "print(*{'alembic', 'sqlalchemy.orm'} & sys.modules.keys())"
    )
    first, second = (
        subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True)
        for _ in range(2)
    )

    assert "alembic" in first.stdout
    assert second.stdout.split() == []


async def test_the_database_of_a_newer_program_is_refused_and_left_alone(database, empty_url):
    await upgrade(database)
    await run(database, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError, match=r"made by a newer aggregator \(schema 9999\)"):
        await open_store(empty_url)

    version = text("SELECT version_num FROM alembic_version")
    assert await database.read(lambda connection: connection.scalar(version)) == "9999"


async def test_entries_of_before_the_search_index_are_found(database, empty_url):
    await database.write(_to_version, "0007")
    named = OLD_ENTRY.replace("content_html)", "content_html, joined_by, taken_from)")
    entry = named.replace("'', '',\n    '')", "'', 'About 机器学习', '', 'alone', '[]')")
    await run(database, MIDDLE_SOURCE, OLD_STORY, entry)

    store = await open_store(empty_url)
    found = [await titles(store, Selection(search=search)) for search in ("old 学习", "new")]
    await store.aclose()

    assert found == [["Old"], []]


async def test_a_migration_that_fails_leaves_nothing_behind(database):
    await run(database, "CREATE TABLE revision (id INTEGER)")

    with pytest.raises(StoreError, match="already exists"):
        await upgrade(database)

    assert await tables(database) == {"revision"}
    await run(database, "DROP TABLE revision")
    await upgrade(database)
    assert set(metadata.tables) < await tables(database)


def _to_version(connection, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0])
    config.attributes["connection"] = connection
    command.upgrade(config, version)


OLD_SOURCE = """INSERT INTO sources (id, key, url, host, listed, enabled, ever_read, next_poll_at,
    next_poll_reason, etag, failures, gone_count, info) VALUES (7, 'a', 'https://a.example/feed',
    'a.example', true, true, true, 0, 'every 1h', '"1"', 2, 0, '{"title":"Old"}')"""


MIDDLE_SOURCE = OLD_SOURCE.replace("host,", "host, domain, throttles, poll_count,").replace(
    "'a.example',", "'a.example', 'a.example', 0, 0,"
)
OLD_STORY = """INSERT INTO stories (id, published_digest, lead_entry_id, rank_at, changed_at,
    published_id) VALUES (5, '', 3, 0, 0, 'urn:old')"""
OLD_ENTRY = """INSERT INTO entries (id, source_id, story_id, digest, fingerprint, published_at,
    updated_at, first_seen_at, guid, authors, categories, enclosures, title, summary, text,
    content_html) VALUES (3, 7, 5, '', '', 0, 0, 0, 'urn:old', '[]', '["x"]', '[]', 'Old', '', '',
    '')"""


async def test_an_entry_of_the_first_version_is_shown_without_what_nobody_kept_then(
    database, empty_url
):
    await database.write(_to_version, "0001")
    await run(database, OLD_SOURCE, OLD_STORY, OLD_ENTRY)

    store = await open_store(empty_url)
    (shown,) = await store.stories(EVERYTHING, limit=10)
    await store.aclose()

    assert shown.content == Content(title="Old", categories=("x",))


async def test_a_source_of_the_first_version_goes_on_where_it_was(database, empty_url):
    await database.write(_to_version, "0001")
    await run(database, OLD_SOURCE)

    store = await open_store(empty_url, domain_of=lambda host: f"domain of {host}")
    await configure(store, "a", now=NOON)
    claimed = await claim_one(store, "a")
    shown = await health(store, "a")
    await poll(store, "a", story("1"))
    await store.aclose()

    assert (claimed.failures, claimed.validators.etag, claimed.ever_read) == (2, '"1"', True)
    assert claimed.domain == "domain of a.example"
    assert shown.info.title == "Old"


OLD_EDITABLE_ENTRY = """INSERT INTO entries (id, source_id, story_id, digest, fingerprint,
    published_at, updated_at, first_seen_at, guid, authors, categories, enclosures, title, summary,
    text, content_html) VALUES (5, 7, 3, :digest, :digest, 0, 0, 0, '1', '[]', '[]', '[]', '', '',
    '', '')"""
OLD_EDITABLE_STORY = """INSERT INTO stories (id, published_digest, lead_entry_id, rank_at,
    changed_at, published_id) VALUES (3, :digest, 5, 0, 0, 'urn:x:1')"""


async def test_an_entry_from_before_edits_were_counted_has_none(database, empty_url):
    digest = b"0123456789abcdef"
    await database.write(_to_version, "0001")
    await run(database, OLD_SOURCE, OLD_EDITABLE_STORY, OLD_EDITABLE_ENTRY, digest=digest)

    store = await open_store(empty_url)
    known = (await store.known(7, [digest], [])).by_digest[digest]
    await store.aclose()

    assert (known.id, known.edits, known.edited_at) == (5, 0, None)


OLD_ENTRIES = """
    INSERT INTO sources (id, key, url, host, domain, listed, enabled, ever_read, next_poll_at,
        next_poll_reason, failures, gone_count, throttles, poll_count, info)
    SELECT n, 'k' || n, 'https://a.example/' || n, 'a.example', 'a.example', true, true, true, 0,
        '', 0, 0, 0, 0, '{}' FROM (SELECT 1 AS n UNION SELECT 2) AS numbers;
    INSERT INTO stories (id, published_digest, lead_entry_id, rank_at, changed_at, published_id)
    VALUES (1, CAST('a' AS {bytes}), 1, 0, 0, 'urn:x:1'),
        (2, CAST('b' AS {bytes}), 2, 0, 0, 'urn:x:2');
    INSERT INTO entries (id, source_id, story_id, digest, fingerprint, published_at, updated_at,
        first_seen_at, guid, authors, categories, enclosures, title, summary, text, content_html)
    SELECT id, source, story, CAST('d' || id AS {bytes}), CAST('f' AS {bytes}), 0, 0, 0, 'g',
        '[]', '[]', '[]', 'T' || id, '', '', ''
    FROM (SELECT 1 AS id, 1 AS source, 1 AS story UNION SELECT 2, 1, 2 UNION SELECT 3, 2, 1) AS old
"""


async def test_entries_of_before_the_marks_keep_their_stories_with_the_reason(database, empty_url):
    await database.write(_to_version, "0003")
    kind = "BLOB" if empty_url.startswith("sqlite") else "BYTEA"
    await run(database, *OLD_ENTRIES.replace("{bytes}", kind).split(";"))

    store = await open_store(empty_url)
    shown = [
        (each.source.key, len(each.also_in)) for each in await store.stories(EVERYTHING, limit=9)
    ]
    await store.aclose()
    reasons = text("SELECT joined_by, taken_from FROM entries ORDER BY id")
    kept = await database.read(lambda connection: connection.execute(reasons).all())

    assert shown == [("k1", 0), ("k1", 1)]
    assert [tuple(row) for row in kept] == [("alone", "[]"), ("alone", "[]"), ("link", "[]")]


async def test_a_source_of_before_is_known_to_have_been_served(database, empty_url):
    await database.write(_to_version, "0001")
    await run(database, OLD_SOURCE)

    store = await open_store(empty_url)
    known = [await store.was_served("sources", key) for key in ("a", "b")]
    await store.aclose()

    assert known == [True, False]
