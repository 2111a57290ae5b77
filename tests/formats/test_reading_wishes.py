from datetime import timedelta

import pytest

from aggregator.core.model import Wishes
from aggregator.formats.reading import read_feed


def wishes(*elements: str) -> Wishes:
    head = '<rss version="2.0" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"><channel>'
    body = f"{head}<title>t</title>{''.join(elements)}</channel></rss>".encode()
    return read_feed(body, content_type="", url="https://a.example/feed").info.wishes


def test_a_source_that_asks_for_nothing_has_no_wishes():
    assert wishes() == Wishes()


def test_ttl_is_minutes():
    assert wishes("<ttl>90</ttl>").ttl == timedelta(minutes=90)


@pytest.mark.parametrize("ttl", ["0", "-5", "soon", "", "9" * 40])
def test_a_ttl_that_cannot_be_is_none(ttl):
    assert wishes(f"<ttl>{ttl}</ttl>").ttl is None


def test_an_update_period_is_divided_by_its_frequency():
    period = "<sy:updatePeriod>daily</sy:updatePeriod>"

    assert wishes(period).ttl == timedelta(days=1)
    assert wishes(period, "<sy:updateFrequency>4</sy:updateFrequency>").ttl == timedelta(hours=6)
    assert wishes(period, "<sy:updateFrequency>0</sy:updateFrequency>").ttl == timedelta(days=1)


def test_all_skipped_hours_and_days_are_read():
    read = wishes(
        "<skipHours><hour>24</hour><hour>1</hour><hour>x</hour><hour>23</hour></skipHours>",
        "<skipDays><day>Sunday</day><day>saturday</day><day>Noday</day></skipDays>",
    )

    assert (read.skip_hours, read.skip_days) == ((0, 1, 23), (5, 6))
