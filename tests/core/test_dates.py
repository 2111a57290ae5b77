from datetime import datetime

from aggregator.core.dates import believed
from tests.builders import NOON, ago, read_entry


def dates(*published: datetime | None, updated: datetime | None = None) -> list[object]:
    entries = [
        read_entry(str(n), published=date, updated=updated) for n, date in enumerate(published)
    ]
    return [(entry.published, entry.updated) for entry in believed(entries, NOON.__eq__)]


def test_what_all_entries_share_with_their_document_says_nothing():
    assert dates(*[NOON] * 5) == [(None, None)] * 5


def test_what_they_share_with_each_other_only_is_believed():
    assert dates(*[ago(days=1)] * 5) == [(ago(days=1), None)] * 5


def test_one_that_has_another_date_speaks_for_all():
    assert dates(*[NOON] * 5, ago(days=1))[0] == (NOON, None)
    assert dates(*[NOON] * 5, None)[0] == (NOON, None)


def test_one_post_in_three_languages_is_too_few_to_tell():
    assert dates(*[NOON] * 3) == [(NOON, None)] * 3
    assert dates() == []


def test_each_of_the_two_dates_is_looked_at_alone():
    days = [ago(days=n) for n in range(1, 6)]

    assert dates(*days, updated=NOON) == [(day, None) for day in days]
