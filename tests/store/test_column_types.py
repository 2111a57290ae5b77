import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from aggregator.store.column_types import Json, UtcMicros

DIALECT = sqlite.dialect()
MOMENTS = st.datetimes(timezones=st.timezones())


def there_and_back(moment: datetime) -> datetime | None:
    column = UtcMicros()
    written = column.bind_processor(DIALECT)(moment)
    return column.result_processor(DIALECT, None)(written)


@given(MOMENTS.filter(lambda moment: 2 < moment.year < 9998))
def test_a_moment_comes_back_in_utc_to_the_microsecond(moment):
    back = there_and_back(moment)

    assert back == moment.astimezone(UTC)
    assert back.tzinfo is UTC


@pytest.mark.parametrize(
    ("nearest", "hours"),
    [(datetime.min.replace(tzinfo=UTC), 14), (datetime.max.replace(tzinfo=UTC), -14)],
)
def test_a_moment_beyond_the_calendar_comes_back_as_the_nearest(nearest, hours):
    moment = nearest.replace(tzinfo=timezone(timedelta(hours=hours)))

    assert there_and_back(moment) == nearest


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(TypeError):
        there_and_back(datetime(2026, 1, 1))  # noqa: DTZ001  # on purpose


def test_json_is_written_in_characters_that_every_database_takes():
    written = Json().bind_processor(DIALECT)(["\x00", "\ud800", "é"])

    assert written.isascii()
    assert written.isprintable()
    assert Json().result_processor(DIALECT, None)(written) == ["\x00", "\ud800", "é"]


NAMES = st.text(max_size=5)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(TREES)
def test_json_is_what_the_standard_library_makes_of_it(value):
    assert Json().bind_processor(DIALECT)(value) == json.dumps(value, separators=(",", ":"))
