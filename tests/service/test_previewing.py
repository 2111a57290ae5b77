from datetime import timedelta

from aggregator.core.model import PublishedSource
from aggregator.core.publication import Site
from aggregator.core.reconcile import Intake
from aggregator.service.previewing import previewed
from tests.builders import NOON, ago, read_entry, read_feed

SOURCE = PublishedSource(key="a", name="A", url="https://a.example/feed")
SITE = Site(title="T", url="https://planet.example/", excerpt_length=6)


def preview(*entries, backfill=10, language=None):
    return previewed(
        read_feed(*entries),
        SOURCE,
        intake=Intake(backfill=backfill),
        language=language,
        site=SITE,
        now=NOON,
    )


def test_the_newest_entries_come_first_and_backfill_says_how_many():
    entries = [read_entry(str(n), published=ago(days=n)) for n in (3, 1, 2)]

    assert [shown.entry.guid for shown in preview(*entries)] == ["guid-1", "guid-2", "guid-3"]
    assert [shown.entry.guid for shown in preview(*entries, backfill=1)] == ["guid-1"]
    assert len(preview(*entries, backfill=timedelta(days=2, hours=1))) == 2


def test_an_entry_is_shown_as_it_would_be_published():
    [shown] = preview(read_entry("1", published=ago(days=-9)), language="de")

    assert shown.entry.source == SOURCE
    assert shown.entry.published == shown.entry.first_seen == NOON
    assert shown.entry.content.language == "de"
    assert shown.entry.id.startswith("urn:uuid:")
    assert shown.excerpt == "Text 1"


def test_an_excerpt_has_the_length_that_the_site_says():
    [shown] = preview(read_entry("1", text="Longer text"))

    assert shown.excerpt == "Longer..."


def test_entries_that_share_a_guid_have_ids_of_their_own():
    guid = "https://a.example/same"
    entries = [read_entry(str(n), guid=guid) for n in range(4)]
    ids = [shown.entry.id for shown in preview(*entries)]

    assert guid in ids
    assert len(set(ids)) == 4
