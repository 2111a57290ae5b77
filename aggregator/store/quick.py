"""Statements that polls run, in less time than SQLAlchemy takes to run them.

SQLAlchemy puts them together, once for each database, and says what its types make of values. On
SQLite they go to the driver from there, as what SQLAlchemy does around a small statement takes
several times as long as the statement itself. A server's answer takes longer than that: on
PostgreSQL they run as all others do.

Only for statements that are there for good, since each is kept; and no event tells of them.
"""

import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    CompoundSelect,
    Connection,
    Dialect,
    Executable,
    LargeBinary,
    Select,
    TextualSelect,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Values = Mapping[str, Any]
_Process = Callable[[Any], Any]
_Asks = Select[Any] | CompoundSelect[Any] | TextualSelect

_LIST = re.compile(r"__\[POSTCOMPILE_\w+\]")
"""Where SQLAlchemy leaves room for a list of values."""

_MOST_KEPT = 500
"""Statements."""

_MOST_FILLED = 512
"""Values up to which a list is filled up with its last one, so that there are few lengths: the
driver knows what it has prepared by its text."""


def fetch(connection: Connection, statement: _Asks, values: Values | None = None) -> Any:
    """All rows, each by name and by place. An expanding parameter takes a collection."""
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, values or {}).all()
    return _query(statement, connection.dialect).fetch(driver_of(connection), values or {})


def run(connection: Connection, statement: Executable, rows: Sequence[Values]) -> None:
    """Runs a statement for each of the rows, which have the same names."""
    if rows and connection.dialect.name != "sqlite":
        connection.execute(statement, rows)
    elif rows:
        command = _command(statement, connection.dialect, tuple(rows[0]))
        command.run(driver_of(connection), rows)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """SQLite's."""
    driver: Any = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101
    return driver


class _Prepared:
    """A statement as the driver takes it."""

    def __init__(self, statement: Any, dialect: Dialect, names: Sequence[str] = ()) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=[*names] or None)
        self.pieces: Sequence[str] = _LIST.split(compiled.string)
        """The text, but for its lists."""
        self.given: Values = compiled.params
        self.places = [
            (name, _to_driver(compiled.binds[name], dialect)) for name in compiled.positiontup
        ]
        self.lists = {name for name, bound in compiled.binds.items() if bound.expanding}
        self._dialect = dialect

    def failed(self, error: Exception) -> BaseException:
        """As SQLAlchemy tells it, and without the values."""
        return DBAPIError.instance(
            " ".join(self.pieces),
            None,
            error,
            sqlite3.Error,
            hide_parameters=True,
            dialect=self._dialect,
        )


class _Command(_Prepared):
    """Runs for many rows."""

    def __init__(self, statement: Executable, dialect: Dialect, names: Sequence[str]) -> None:
        super().__init__(statement, dialect, names)
        self._brought = {name: its for name, its in self.given.items() if name not in names}
        self._taken = _taker([name for name, _ in self.places])
        self._processed = [(n, process) for n, (_, process) in enumerate(self.places) if process]
        self._bind = self._bound if self._processed or self._brought else self._taken

    def run(self, driver: sqlite3.Connection, rows: Sequence[Values]) -> None:
        try:
            driver.executemany(self.pieces[0], [*map(self._bind, rows)])
        except Exception as error:
            raise self.failed(error) from error

    def _bound(self, row: Values) -> list[Any]:
        bound = [*self._taken({**row, **self._brought} if self._brought else row)]
        for n, process in self._processed:
            bound[n] = process(bound[n])
        return bound


class _Query(_Prepared):
    """Its rows have names."""

    def __init__(self, statement: _Asks, dialect: Dialect) -> None:
        super().__init__(statement, dialect)
        columns = [(column.name, column.type) for column in statement.selected_columns]
        self._row = _named([name for name, _ in columns])._make
        made = [(n, _of_driver(type_, dialect)) for n, (_, type_) in enumerate(columns)]
        self._processed = [(n, process) for n, process in made if process]

    def fetch(self, driver: sqlite3.Connection, values: Values) -> list[Any]:
        try:
            rows = driver.execute(*self._bound(values)).fetchall()
            return [*map(self._row, map(self._read, rows) if self._processed else rows)]
        except Exception as error:
            raise self.failed(error) from error

    def _bound(self, values: Values) -> tuple[str, Sequence[Any]]:
        """The text, and what stands at its places."""
        pieces, bound = iter(self.pieces), []
        text = next(pieces)
        for name, process in self.places:
            value = values[name] if name in values else self.given[name]
            if name not in self.lists:
                bound.append(process(value) if process else value)
                continue
            listed = _filled([process(each) for each in value] if process else [*value])
            text += ",".join(repeat("?", len(listed))) + next(pieces)
            bound += listed
        return text, bound

    def _read(self, row: Sequence[Any]) -> list[Any]:
        read = [*row]
        for n, process in self._processed:
            read[n] = process(read[n])
        return read


def _taker(names: Sequence[str]) -> Callable[[Values], Sequence[Any]]:
    """Values in the order of their names, at once where there are several."""
    return itemgetter(*names) if len(names) > 1 else lambda row: [row[name] for name in names]


def _named(columns: Sequence[str]) -> Any:
    make: Any = namedtuple  # noqa: PYI024  # the columns are not known before
    return make("Row", columns, rename=True)


def _filled(values: list[Any]) -> list[Any]:
    length = len(values)
    if 0 < length < _MOST_FILLED:
        values += repeat(values[-1], (1 << (length - 1).bit_length()) - length)
    return values


def _to_driver(parameter: BindParameter[Any], dialect: Dialect) -> _Process | None:
    if isinstance(parameter.type, LargeBinary):  # SQLAlchemy has a view made of each
        return None
    return parameter.type.dialect_impl(dialect).bind_processor(dialect)


def _of_driver(type_: TypeEngine[Any], dialect: Dialect) -> _Process | None:
    return type_.dialect_impl(dialect).result_processor(dialect, None)


_query = lru_cache(_MOST_KEPT)(_Query)
_command = lru_cache(_MOST_KEPT)(_Command)
