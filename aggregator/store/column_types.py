"""What columns hold that both databases are to hold alike."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
"""Microseconds."""

_DAY = 86_400
"""Seconds."""

_FIRST = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def _micros_of(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    since = moment - _EPOCH
    # In half the time that a division by a microsecond takes.
    micros = (since.days * _DAY + since.seconds) * _SECOND + since.microseconds
    return micros if _FIRST <= micros <= _LAST else min(max(micros, _FIRST), _LAST)


def _moment_of(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + micros * _MICROSECOND


class UtcMicros(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970.

    Both databases hold and sort it alike, and it always reads back: an offset that carries a
    time out of the years 1 to 9999 in UTC, which PostgreSQL stores and never reads again, is
    clamped. A naive datetime raises TypeError.
    """

    impl = BigInteger
    cache_ok = True

    # As processors: to go by `process_bind_param` costs as much again, and polls have many times.
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:  # noqa: ARG002
        return _micros_of

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[int | None], datetime | None]:
        return _moment_of


_encode = json.JSONEncoder(separators=(",", ":")).encode
"""Made once: `json.dumps` makes one for each value."""


_NAMES = frozenset({str})
_EMPTY: dict[type, str] = {list: "[]", dict: "{}"}


def _to_json(value: Any) -> str:
    """As `_encode` has it. For what is short, as most of ours is, that takes five times as long."""
    kind = type(value)
    if kind is str:
        return encode_basestring_ascii(value)
    if not value and kind in _EMPTY:
        return _EMPTY[kind]
    if kind is list:
        return f"[{','.join(map(_to_json, value))}]"
    if kind is dict and _NAMES.issuperset(map(type, value)):
        pairs = [f"{encode_basestring_ascii(name)}:{_to_json(its)}" for name, its in value.items()]
        return f"{{{','.join(pairs)}}}"
    return _encode(value)


def _from_json(value: str | None) -> Any:
    return None if value is None else json.loads(value)


class Json(TypeDecorator[Any]):
    """JSON in plain ASCII text: escaped, no character of it can be refused by a database."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:  # noqa: ARG002
        return _to_json

    def result_processor(
        self,
        dialect: Dialect,  # noqa: ARG002
        coltype: object,  # noqa: ARG002
    ) -> Callable[[str | None], Any]:
        return _from_json
