"""Whether a column is one of many values, which go into the statement as one parameter.

With a parameter for each, every number of them is a statement of its own: SQLAlchemy writes it out,
and SQLite prepares it, each time.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from aggregator.store.column_types import Json


class Many(TypeDecorator[Any]):
    """Texts or whole numbers: an array, or JSON where there are none."""

    impl = Text
    cache_ok = True

    def __init__(self, item: type[BigInteger | Text]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        mine = ARRAY(self.item) if dialect.name == "postgresql" else Json()
        return dialect.type_descriptor(mine)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return self.load_dialect_impl(dialect).dialect_impl(dialect).bind_processor(dialect)


class _IsOneOf(FunctionElement[bool]):
    """Not of type Boolean: SQLite has none, and SQLAlchemy would write `= 1` behind it, which no
    index answers.
    """

    inherit_cache = True


@compiles(_IsOneOf, "sqlite")
def _in_json(element: _IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  # of ours


@compiles(_IsOneOf, "postgresql")
def _in_array(element: _IsOneOf, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({values})"


def one_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The parameter of this name takes a list."""
    item = Text if isinstance(column.type, Text) else BigInteger
    values: BindParameter[Any] = bindparam(name, type_=Many(item))
    return _IsOneOf(column, values)
