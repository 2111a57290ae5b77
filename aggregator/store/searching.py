"""The search index: under which words entries are found. The caller holds the lock on stories.

SQLite      a full-text table (FTS5) that keeps no text of its own: what an entry said has to be
            told to take it out again, so that this comes before the entry changes or goes
PostgreSQL  a row an entry with a tsvector under a GIN index

Both get the words that `core.searching` makes, as they are, so that both find the same.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    TextClause,
    and_,
    cast,
    column,
    false,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from aggregator.core.model import Content
from aggregator.core.searching import Phrase, Query, line_of, words_of
from aggregator.store.mapping import words_content
from aggregator.store.quick import run
from aggregator.store.schema import entries
from aggregator.store.statements import chunks, give_way

_SAID = (
    entries.c.id,
    entries.c.title,
    entries.c.text,
    entries.c.summary,
    entries.c.authors,
    entries.c.categories,
)

_BATCH = 500
"""Entries in memory."""

# Our words hold nothing but letters, digits and a few signs, all of which this tokenizer takes
# for parts of words. `columnsize` would be for ranks, and `content` for texts; we need neither.
_CREATE = {
    "sqlite": (
        """CREATE VIRTUAL TABLE search
        USING fts5(words, content='', columnsize=0, tokenize="ascii tokenchars '+#'")""",
    ),
    "postgresql": (
        "CREATE TABLE search (entry_id BIGINT PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX ix_search_words ON search USING gin (words)",
    ),
}
_EMPTY = {
    "sqlite": "INSERT INTO search (search) VALUES ('delete-all')",
    "postgresql": "DELETE FROM search",
}
_ADD = {
    "sqlite": text("INSERT INTO search (rowid, words) VALUES (:entry_id, :words)"),
    "postgresql": text(
        "INSERT INTO search (entry_id, words) VALUES (:entry_id, CAST(:words AS TSVECTOR))"
    ),
}
_DROP = {
    "sqlite": text(
        "INSERT INTO search (search, rowid, words) VALUES ('delete', :entry_id, :words)"
    ),
    "postgresql": text("DELETE FROM search WHERE entry_id = :entry_id"),
}


def create(connection: Connection) -> None:
    """Makes the index, with what is stored already; for a migration."""
    for statement in _CREATE[connection.dialect.name]:
        connection.execute(text(statement))
    _fill(connection)


def refill(connection: Connection) -> None:
    """Makes the index anew after a change of what the words of a text are; for a migration."""
    connection.execute(text(_EMPTY[connection.dialect.name]))
    _fill(connection)


def _fill(connection: Connection) -> None:
    last = 0
    batch = select(*_SAID).order_by(entries.c.id).limit(_BATCH)
    while rows := connection.execute(batch.where(entries.c.id > last)).all():
        found = [_indexed(connection, row.id, words_content(row)) for row in rows]
        connection.execute(_ADD[connection.dialect.name], found)
        last = rows[-1].id


def index(connection: Connection, entry_ids: Collection[int]) -> None:
    """Lets these entries be found by what is stored of them; they must not be in the index."""
    _run(connection, _ADD, entry_ids)


def index_new(connection: Connection, said: Mapping[int, Content]) -> None:
    """As `index`, for entries whose contents are at hand."""
    rows = []
    for entry_id, content in said.items():
        rows.append(_indexed(connection, entry_id, content))
        give_way()
    run(connection, _ADD[connection.dialect.name], rows)


def unindex(connection: Connection, entry_ids: Collection[int]) -> None:
    """Takes these entries out, before they change or go."""
    _run(connection, _DROP, entry_ids)


def _run(
    connection: Connection, statements: dict[str, TextClause], entry_ids: Collection[int]
) -> None:
    for chunk in chunks(entry_ids):
        said = connection.execute(select(*_SAID).where(entries.c.id.in_(chunk)))
        rows = []
        for row in said:
            rows.append(_indexed(connection, row.id, words_content(row)))
            give_way()  # a millisecond of work each
        run(connection, statements[connection.dialect.name], rows)


def _indexed(connection: Connection, entry_id: int, content: Content) -> dict[str, Any]:
    is_sqlite = connection.dialect.name == "sqlite"
    words = line_of(content) if is_sqlite else _vector(words_of(content))
    return {"entry_id": entry_id, "words": words}


def _vector(words: Sequence[str]) -> str:
    """A tsvector as text: each word with its places."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, word in enumerate(words, start=1):
        places[word].append(place)
    return " ".join(f"'{word}':{','.join(map(str, its))}" for word, its in places.items())


def says(connection: Connection, query: Query) -> ColumnElement[bool]:
    """Which entries a query finds. For statements of this transaction."""
    if not query:
        return false()
    if connection.dialect.name == "postgresql":
        # It takes long values, which it keeps elsewhere (TOAST), for free, and would read them all.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
    conditions = []
    if query.wanted:
        conditions.append(entries.c.id.in_(_found(connection, query.wanted, every=True)))
    if query.unwanted:
        conditions.append(entries.c.id.not_in(_found(connection, query.unwanted, every=False)))
    return and_(*conditions)


_FTS5 = table("search", column("rowid"), column("search"))
_GIN = table("search", column("entry_id"), column("words"))


def _matching(expression: str) -> Select[Any]:
    """https://sqlite.org/fts5.html#full_text_query_syntax"""
    return select(_FTS5.c.rowid).where(_FTS5.c.search.match(expression))


def _fts5(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.words)}"{"*" if phrase.open else ""}'


def _vectors(expression: str) -> Select[Any]:
    """https://www.postgresql.org/docs/current/datatype-textsearch.html#DATATYPE-TSQUERY"""
    return select(_GIN.c.entry_id).where(_GIN.c.words.op("@@")(cast(expression, TSQUERY)))


def _tsquery(phrase: Phrase) -> str:
    words = " <-> ".join(f"'{word}'" for word in phrase.words)
    return f"({words}{':*' if phrase.open else ''})"


def _found(connection: Connection, phrases: Sequence[Phrase], *, every: bool) -> Select[Any]:
    """The ids of entries that say every one of these, or any."""
    if connection.dialect.name == "sqlite":
        return _matching((" AND " if every else " OR ").join(map(_fts5, phrases)))
    return _vectors((" & " if every else " | ").join(map(_tsquery, phrases)))
