from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.positions import Position, Step
from aggregator.service.entry_lists import Bookmark
from aggregator.web.cursors import (
    BrokenCursor,
    change_cursor,
    kind_of,
    list_cursor,
    read_change_cursor,
    read_list_cursor,
)
from tests.builders import NOON

NUMBERS = st.integers(0, 2**63 - 1)
PLACE = Bookmark(position=Position(NOON, 7), count=100, newest=NOON)


@given(st.datetimes(timezones=st.just(UTC)), NUMBERS, st.integers(0, 1000))
def test_a_place_in_a_list_reads_back(rank_at: datetime, number: int, count: int):
    bookmark = Bookmark(position=Position(rank_at, number), count=count, newest=NOON)

    assert read_list_cursor(list_cursor(bookmark)) == bookmark


@given(NUMBERS, NUMBERS, st.binary(min_size=16, max_size=16))
def test_a_place_among_changes_reads_back(revision: int, number: int, view: bytes):
    step, read = Step(revision, number), view.hex()

    assert read_change_cursor(change_cursor(step, read)) == (step, read[:8])


def test_a_cursor_needs_no_escaping_in_an_address():
    for cursor in (list_cursor(PLACE), change_cursor(Step(2**40, 2**40), "ff" * 16)):
        assert cursor.replace("-", "").replace("_", "").isalnum()
        assert cursor.isascii()


@given(st.text(max_size=60))
def test_any_text_that_is_no_cursor_is_refused(text: str):
    with pytest.raises(BrokenCursor):
        read_list_cursor(text)
    with pytest.raises(BrokenCursor):
        kind_of(text)


@given(st.data())
def test_a_mangled_cursor_is_refused(data):
    cursor = list_cursor(PLACE)
    at = data.draw(st.integers(0, len(cursor) - 2))
    other = data.draw(st.sampled_from("abcXYZ019-_").filter(lambda each: each != cursor[at]))

    for mangled in (cursor[:at], cursor[:at] + other + cursor[at + 1 :]):
        with pytest.raises(BrokenCursor):
            read_list_cursor(mangled)


def test_one_kind_is_not_taken_for_the_other():
    with pytest.raises(BrokenCursor):
        read_change_cursor(list_cursor(PLACE))
    with pytest.raises(BrokenCursor):
        read_list_cursor(change_cursor(Step(1, 1), "00" * 16))
