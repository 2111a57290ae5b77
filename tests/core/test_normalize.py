from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.model import Category, Enclosure, Origin, Person, ReadEntry
from aggregator.core.normalize import fingerprint, names_of, normalize
from tests.builders import NOON, ago, entry, read_entry


def test_the_guid_is_the_sources_own_text():
    assert entry(guid="1").guid == "1"


def test_without_a_guid_the_link_as_written_is_the_identity():
    first = entry(guid=None, link="https://a.example/p", link_as_written="/p")
    after_a_redirect = entry(guid=None, link="https://cdn.example/p", link_as_written="/p")

    assert first.guid == "/p"
    assert first.digest == after_a_redirect.digest


def test_without_guid_and_link_the_text_is_the_identity():
    one = entry(guid=None, link=None, title="A")
    same = entry(guid=None, link=None, title="A", published=NOON)
    other = entry(guid=None, link=None, title="B")

    assert one.digest == same.digest
    assert one.digest != other.digest


def test_an_entry_that_stands_twice_in_a_document_is_one():
    (only,) = normalize([read_entry("1"), read_entry("1", title="again")])

    assert only.content.title == "Title 1"


def test_of_two_versions_of_an_entry_the_newest_stands():
    old, new = read_entry("1", updated=ago(days=2)), read_entry("1", title="new", updated=NOON)

    assert [entry.content.title for entry in normalize([old, new])] == ["new"]
    assert [entry.content.title for entry in normalize([new, old])] == ["new"]


def test_one_link_for_items_without_guids_names_several_entries():
    episodes = [
        read_entry(name, guid=None, link="https://a.example/show", title=f"Episode {name}")
        for name in ("1", "2", "3")
    ]

    assert len({entry.digest for entry in normalize(episodes)}) == 3
    assert {entry.guid for entry in normalize(episodes)} == {"https://a.example/show"}


def test_one_guid_for_different_links_names_several_entries():
    entries = normalize(
        [read_entry("1", guid="same"), read_entry("2", guid="same"), read_entry("3")]
    )

    assert [item.guid for item in entries] == ["same", "same", "guid-3"]
    assert len({item.digest for item in entries}) == 3


def test_a_new_item_does_not_change_who_the_others_with_its_guid_are():
    before = normalize([read_entry("1", guid="same"), read_entry("2", guid="same")])
    after = normalize([read_entry(n, guid="same") for n in ("3", "1", "2")])

    assert {item.digest for item in before} < {item.digest for item in after}


def test_a_link_that_several_items_share_names_no_story():
    shared = "https://a.example/downloads"
    entries = normalize([read_entry("1", link=shared), read_entry("2", link=shared)])

    assert [item.link_digest for item in entries] == [None, None]


@pytest.mark.parametrize(
    "link",
    [
        "http://www.a.example/1",
        "https://a.example:443/1/",
        "https://A.example/1#comments",
        "https://a.example/1?utm_source=rss&utm_medium=feed",
    ],
)
def test_links_that_differ_in_form_only_name_one_story(link):
    assert entry("1", link=link).link_digest == entry("1").link_digest


@pytest.mark.parametrize("link", ["https://a.example/1?id=2", "https://b.example/1", None])
def test_other_links_name_other_stories(link):
    assert entry("1", link=link).link_digest != entry("1").link_digest


def test_a_front_page_names_no_story():
    assert entry("1", link="https://a.example/").link_digest is None


def test_dates_are_not_part_of_the_fingerprint():
    assert entry("1", updated=ago(days=1)).fingerprint == entry("1", updated=NOON).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"title": "x"},
        {"content_html": "x"},
        {"link": "https://x.example/x"},
        {"summary": "x"},
        {"contributors": (Person(name="x"),)},
        {"terms": (Category(term="x", scheme="urn:x:y"),)},
        {"comments": "https://x.example/x"},
        {"origin": Origin(url="https://x.example/x")},
        {"enclosures": (Enclosure(url="https://x.example/x", duration=1),)},
    ],
)
def test_what_a_reader_sees_is_part_of_the_fingerprint(change):
    changed: ReadEntry = read_entry("1", **change)

    assert fingerprint(changed.content) != fingerprint(read_entry("1").content)


def test_without_other_forms_of_guids_all_the_rest_is_the_same():
    read = [read_entry("1", guid="https://a.example/1"), read_entry("2")]
    entries = normalize(read)

    assert any(entry.forms for entry in entries)
    assert normalize(read, forms=False) == tuple(replace(one, forms=frozenset()) for one in entries)


def test_the_configured_language_wins():
    assert normalize([read_entry("1", language="en")], language="zh")[0].content.language == "zh"
    assert normalize([read_entry("1", language="en")])[0].content.language == "en"


small = st.integers(0, 3)
items = st.builds(
    lambda guid, link, title, day: read_entry(
        str(title),
        guid=None if guid == 0 else f"http://a.example/{guid}",
        link=None if link == 0 else f"https://a.example/{link}",
        updated=ago(days=day),
    ),
    small,
    small,
    small,
    small,
)


@given(st.lists(items, max_size=8))
def test_normalizing_twice_is_normalizing_once(document):
    entries = normalize(document)
    left = [
        item
        for item in document
        if (item.content, item.updated) in {(one.content, one.updated) for one in entries}
    ]

    assert normalize([*document, *document]) == entries
    assert set(normalize(left)) == set(entries)


@given(st.lists(items, max_size=8))
def test_items_are_called_as_their_entries_are(document):
    assert names_of(document, normalize(document)) == names_of(document, ())


@given(st.lists(items, max_size=8))
def test_no_two_entries_of_a_document_are_one(document):
    entries = normalize(document)
    digests = [entry.digest for entry in entries]

    assert len(digests) == len(set(digests))
    assert all(entry.forms.isdisjoint(digests) for entry in entries)


def test_an_entry_that_a_document_lists_twice_has_a_link_of_its_own():
    (only,) = normalize([read_entry("1"), read_entry("1")])

    assert only.link_digest is not None
