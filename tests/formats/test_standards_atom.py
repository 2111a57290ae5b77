"""Atom (RFC 4287), line by line: each holds for any stored data, however nasty."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aggregator.core.model import Enclosure, FeedInfo, Person, PublishedSource, Takedown
from aggregator.core.stories import is_absolute_iri, published_id
from tests.builders import NOON, ago
from tests.formats.documents import CHANNEL, OTHER, channel, gathered, rich, shown
from tests.formats.lines import documents, elements
from tests.formats.nasty import DATES, IDS
from tests.formats.test_writing_atom import entry_of
from tests.formats.validity import ATOM, BASE, LANG, atom_findings, html_findings, is_id
from tests.formats.whole import write_atom

ENTRY = f"{ATOM}entry"
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def text_of(element, name: str) -> str:
    return element.findtext(ATOM + name) or ""


def test_b1_01_feed_and_entries_have_one_id_one_title_and_one_updated():
    for parent in [*(made.root for made in documents("atom")), *elements("atom", ENTRY)]:
        counts = Counter(child.tag.removeprefix(ATOM) for child in parent)
        assert [counts[name] for name in ("id", "title", "updated")] == [1, 1, 1]


def test_b1_02_the_feed_links_to_itself():
    for made in documents("atom"):
        [link] = made.root.findall(f"{ATOM}link[@rel='self']")
        assert link.get("href") == made.channel.self_url
        assert link.get("type") == "application/atom+xml"


def test_b1_03_the_feed_and_each_entry_have_an_author():
    for parent in [*(made.root for made in documents("atom")), *elements("atom", ENTRY)]:
        assert (parent.findtext(f"{ATOM}author/{ATOM}name") or "").strip()


def test_b1_03_an_entry_without_an_author_is_not_by_the_planet():
    entry = entry_of(write_atom(CHANNEL, [shown()]).body)

    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "A"
    assert entry.find(f"{ATOM}source") is not None


def test_b1_04_an_entry_has_one_alternate_link_at_most():
    for entry in elements("atom", ENTRY):
        assert len(entry.findall(f"{ATOM}link[@rel='alternate']")) <= 1
    assert all(link.get("rel") for link in elements("atom", f"{ENTRY}/{ATOM}link"))


def test_b1_05_without_content_there_is_a_link_and_no_element_stands_twice():
    for entry in elements("atom", ENTRY):
        counts = Counter(child.tag.removeprefix(ATOM) for child in entry)
        single = ("content", "published", "rights", "source", "summary")
        assert max(counts[name] for name in single) <= 1
        assert counts["content"] or entry.find(f"{ATOM}link[@rel='alternate']") is not None
    assert not [one for one in elements("atom", f"{ENTRY}/{ATOM}content") if one.get("src")]


def test_b1_06_an_id_is_kept_to_the_letter_or_stands_for_one_that_is_none():
    for made in documents("atom"):
        there = {text_of(entry, "id") for entry in made.root.findall(ENTRY)}
        assert all(map(is_id, there))
        kept = {each.entry.id for each in made.entries if is_absolute_iri(each.entry.id)}
        assert kept - set(made.dropped) <= there


@pytest.mark.parametrize("guid", IDS)
def test_b1_06_a_guid_is_the_id_or_maps_to_one_that_never_changes(guid):
    try:
        id = published_id("key", guid)
    except UnicodeEncodeError:  # the store refuses such a guid
        assert "\ud800" in guid
        return
    assert is_id(id)
    assert id == published_id("key", guid)
    assert (id == guid) == is_absolute_iri(guid)
    assert id == guid or id != published_id("other", guid)


def test_b1_07_an_id_stands_once():
    for made in documents("atom"):
        ids = [text_of(entry, "id") for entry in made.root.findall(ENTRY)]
        assert len(ids) == len(set(ids))
    assert any(made.dropped for made in documents("atom"))


def test_b1_08_entries_stand_in_the_order_given_whatever_their_dates():
    entries = [
        shown("1", updated=ago(days=3)),
        shown("2", updated=NOON, changed_at=NOON),
        shown("3", updated=ago(days=9)),
    ]
    body = write_atom(CHANNEL, entries).body

    assert [body.index(f"a.example/{n}".encode()) for n in (1, 2, 3)] == sorted(
        body.index(f"a.example/{n}".encode()) for n in (1, 2, 3)
    )


def test_b1_09_updated_is_what_the_source_says_and_two_may_say_the_same():
    body = write_atom(CHANNEL, [shown("1"), shown("2")]).body

    assert body.count(b"<updated>2026-03-01T10:00:00+00:00</updated>") >= 2
    assert atom_findings(body) == []


@pytest.mark.parametrize("date", DATES)
def test_b1_10_no_date_is_before_there_were_feeds_or_after_we_know(date):
    entry = entry_of(write_atom(CHANNEL, [shown(published=date, updated=date)]).body)

    for name in ("published", "updated"):
        written = entry.findtext(ATOM + name)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", written)
        assert EARLIEST <= moment(written) <= NOON


def test_b1_10_a_date_that_can_be_true_is_kept():
    entry = entry_of(write_atom(CHANNEL, [shown(published=ago(days=400))]).body)

    assert moment(text_of(entry, "published")) == ago(days=400)


def test_b1_11_plain_text_that_looks_like_html_says_that_it_is_escaped():
    entry = entry_of(write_atom(CHANNEL, [shown(content={"title": "The <b> and </b> of it"})]).body)
    title = entry.find(f"{ATOM}title")

    assert (title.get("type"), title.text) == ("html", "The &lt;b&gt; and &lt;/b&gt; of it")
    for made in documents("atom"):
        assert [found for found in atom_findings(made.body) if "markup" in found] == []


def test_b1_11_other_text_stays_plain():
    entry = entry_of(write_atom(CHANNEL, [shown(content={"title": "R&D: 1 < 2"})]).body)

    assert entry.find(f"{ATOM}title").get("type", "text") == "text"


def test_b1_12_a_source_has_id_title_and_updated():
    for source in elements("atom", f"{ENTRY}/{ATOM}source"):
        assert is_id(text_of(source, "id"))
        assert text_of(source, "title").strip()
        assert EARLIEST <= moment(text_of(source, "updated")) <= NOON


def test_b1_12_what_the_source_says_of_itself_comes_along():
    source = entry_of(write_atom(CHANNEL, [rich()]).body).find(f"{ATOM}source")

    assert text_of(source, "rights") == "All rights reserved"
    assert source.findtext(f"{ATOM}author/{ATOM}name") == "Ada"


def test_b1_12_a_source_that_was_there_is_kept():
    source = entry_of(write_atom(CHANNEL, [gathered()]).body).find(f"{ATOM}source")

    assert text_of(source, "id") == "tag:b.example,2026:b"


def test_b1_14_no_signature_is_passed_on():
    for made in documents("atom"):
        assert b"xmldsig" not in made.body
        assert b"Signature" not in made.body


def test_b1_15_the_feed_was_updated_when_its_newest_entry_was():
    entries = [shown("1", updated=ago(days=2)), shown("2", updated=ago(days=1))]
    feed = write_atom(channel(updated=ago(days=1)), entries).body

    assert b"<updated>2026-02-28T12:00:00+00:00</updated><author><name>The editors" in feed
    for made in documents("atom"):
        dates = [moment(text_of(entry, "updated")) for entry in made.root.findall(ENTRY)]
        assert moment(text_of(made.root, "updated")) >= max(dates, default=EARLIEST)


def test_b1_16_there_is_no_base_and_no_relative_reference():
    for made in documents("atom"):
        assert not [element for element in made.root.iter() if BASE in element.attrib]
    for content in elements("atom", f"{ENTRY}/{ATOM}content"):
        assert html_findings(content.text or "") == []
    for link in elements("atom", f".//{ATOM}link"):
        assert link.get("href").startswith(("http://", "https://", "HTTPS://"))


def test_b1_17_another_language_is_told_and_what_is_none_is_not():
    german = entry_of(write_atom(CHANNEL, [shown(content={"language": "de"})]).body)
    nothing = entry_of(write_atom(CHANNEL, [shown(content={"language": "zz"})]).body)

    assert (german.get(LANG), nothing.get(LANG)) == ("de", None)
    found = [made.root.get(LANG) for made in documents("atom") if made.root.get(LANG)]
    assert set(found) <= {"de", "en", "en-US", "zh-Hant-TW", "gsw"}


def test_b1_18_the_generator_has_uri_and_version_and_the_icon_is_an_icon():
    for made in documents("atom"):
        generator = made.root.find(f"{ATOM}generator")
        assert generator.get("uri").startswith("https://")
        assert generator.get("version")
        assert made.root.find(f"{ATOM}logo") is None  # we have a square one only
    body = write_atom(CHANNEL, [rich()]).body
    assert b"<icon>https://p.example/icon.png</icon>" in body


def test_b1_18_a_category_keeps_its_scheme():
    category = entry_of(write_atom(CHANNEL, [rich()]).body).findall(f"{ATOM}category")[1]

    assert dict(category.attrib) == {
        "term": "r-and-d",
        "scheme": "https://a.example/topics",
        "label": "R&D",
    }


def test_b1_19_enclosures_have_a_type_and_a_length_where_it_is_known():
    files = (
        Enclosure(url="https://a.example/1.mp3", length=5),
        Enclosure(url="https://a.example/2", length=10**40),
        Enclosure(url="javascript:alert(1)"),
    )
    links = entry_of(write_atom(CHANNEL, [shown(content={"enclosures": files})]).body).findall(
        f"{ATOM}link[@rel='enclosure']"
    )

    assert [(link.get("type"), link.get("length")) for link in links] == [
        ("audio/mpeg", "5"),
        ("application/octet-stream", None),
    ]


def test_b1_20_the_planet_is_linked_by_via_and_other_sources_by_related():
    entry = entry_of(write_atom(CHANNEL, [replace(gathered())]).body)
    links = {(link.get("rel"), link.get("title")) for link in entry.findall(f"{ATOM}link")}

    assert {("via", OTHER.name), ("related", OTHER.name)} <= links


def test_b1_21_no_title_is_blank():
    for entry in elements("atom", ENTRY):
        assert text_of(entry, "title").strip()
    assert all(text_of(made.root, "title").strip() for made in documents("atom"))


@pytest.mark.parametrize("mode", ["full", "summary", "title"])
def test_b1_22_every_entry_has_text(mode):
    entry = entry_of(write_atom(CHANNEL, [shown(mode=mode, excerpt="")]).body)
    assert entry.find(f"{ATOM}summary") is not None or entry.find(f"{ATOM}content") is not None

    for each in elements("atom", ENTRY):
        assert text_of(each, "summary") or text_of(each, "content")


def test_b1_23_a_tombstone_stands_once_and_only_where_somebody_asked():
    gone = (
        Takedown(id="urn:x:1", taken_at=NOON),
        Takedown(id="urn:x:2", taken_at=NOON + timedelta(hours=1)),
    )
    plain, told = write_atom(CHANNEL, [rich()]).body, write_atom(channel(deleted=gone), []).body

    assert b"tombstones" not in plain
    assert told.count(b"<at:deleted-entry ") == 2
    assert atom_findings(told, tombstones=True) == []
    assert "tombstones that nobody asked for" in atom_findings(told)


def test_a_thousand_authors_are_written():
    authors = tuple(Person(name=f"Author {n}") for n in range(1000))
    body = write_atom(CHANNEL, [shown(content={"authors": authors})]).body

    assert len(entry_of(body).findall(f"{ATOM}author")) == 1000


def test_the_name_of_a_source_may_look_like_markup():
    source = PublishedSource(
        key="a", name="</title><script>", url="https://a.example/f", info=FeedInfo(rights="&copy;")
    )
    entry = entry_of(write_atom(CHANNEL, [shown(source=source)]).body)
    title = entry.find(f"{ATOM}source/{ATOM}title")

    assert (title.get("type"), title.text) == ("html", "&lt;/title&gt;&lt;script&gt;")


def test_no_document_has_a_stylesheet():
    for made in [*documents("atom"), *documents("rss")]:
        assert b"xml-stylesheet" not in made.body
