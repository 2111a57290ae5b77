from datetime import datetime

from aggregator.core.dates import believed
from tests.builders import NOON, ago, read_entry


def dates(*published: datetime | None, updated: datetime | None = None) -> list[object]:
    entries = [
        read_entry(str(n), published=date, updated=updated) for n, date in enumerate(published)
    ]
    return [(entry.published, entry.updated) for entry in believed(entries, NOON.__eq__)]


def test_what_all_entries_share_with_their_document_says_nothing():
    assert dates(NOON, NOON, NOON) == [(None, None)] * 3


def test_what_they_share_with_each_other_only_is_believed():
    assert dates(ago(days=1), ago(days=1), ago(days=1)) == [(ago(days=1), None)] * 3


def test_one_that_has_another_date_speaks_for_all():
    assert dates(NOON, NOON, ago(days=1)) == [(NOON, None), (NOON, None), (ago(days=1), None)]
    assert dates(NOON, NOON, None) == [(NOON, None), (NOON, None), (None, None)]


def test_two_entries_are_too_few_to_tell():
    assert dates(NOON, NOON) == [(NOON, None)] * 2
    assert dates() == []


def test_each_of_the_two_dates_is_looked_at_alone():
    stamped = dates(ago(days=1), ago(days=2), ago(days=3), updated=NOON)

    assert stamped == [(ago(days=n), None) for n in (1, 2, 3)]
