"""What the benchmarks measure by is known to be right; their figures are nobody's test."""

import gzip
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.formats.reading import read_feed
from benchmarks.floor import fields_of
from benchmarks.origin import Origin, Plan, host_of, source_at
from benchmarks.origin_feeds import document, first_published
from benchmarks.sustained import tell_memory
from benchmarks.tables import table

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
HERE = Path(__file__).parent.parent / "benchmarks"
FIRST = first_published(NOW, size=20)


def origin(scenario: str, sources: int = 10) -> Origin:
    plan = Plan(scenario=scenario, sources=sources, now=NOW.isoformat(), first=FIRST.isoformat())
    return Origin(plan)


def status_and_etag(answer: bytes) -> tuple[int, str]:
    found = re.search(rb"\r\nETag: ([^\r]+)", answer)
    assert found
    return int(answer[9:12]), found[1].decode()


@pytest.mark.parametrize("source", [0, 1])
def test_a_document_is_a_feed_of_the_usual_size_and_the_same_each_time(source):
    packed = document(source, 0, 20, FIRST)
    document.cache_clear()

    feed = read_feed(gzip.decompress(packed.body), content_type="", url="https://site.example/")

    assert document(source, 0, 20, FIRST) == packed
    assert len(feed.entries) == 20
    assert 55_000 < packed.size < 65_000
    assert 11_000 < len(packed.body) < 13_500


@pytest.mark.parametrize("source", [0, 1])
def test_the_next_version_has_one_new_entry_and_one_fewer_old_one(source):
    names = [
        {
            entry.guid
            for entry in read_feed(
                gzip.decompress(document(source, version, 20, FIRST).body),
                content_type="",
                url="https://site.example/",
            ).entries
        }
        for version in (0, 1)
    ]

    assert len(names[1] - names[0]) == len(names[0] - names[1]) == 1


def test_the_steady_mix_is_as_its_name_says_in_each_round():
    server = origin("steady")
    etags = [status_and_etag(server.answer("a", source, None))[1] for source in range(10)]

    for _ in range(10):
        answers = [
            status_and_etag(server.answer("a", source, etags[source])) for source in range(10)
        ]
        fresh = [
            after for (_, after), before in zip(answers, etags, strict=True) if after != before
        ]
        assert [status for status, _ in answers].count(304) == 6
        assert len(fresh) == 1
        etags = [etag for _, etag in answers]


def test_what_a_client_must_have_in_the_end_is_known():
    server = origin("onenew")
    for _ in range(3):
        server.answer("a", 4, None)
    server.answer("b", 4, None)

    assert server.expected("a") == 22
    assert server.expected("b") == 20


def test_only_what_was_asked_counts_as_polled():
    server = origin("steady")
    server.prepare("a")
    server.answer("a", 4, None)

    assert server.polled("a") == 1
    assert server.expected("a") == 20


def test_a_client_without_validators_gets_the_whole_document():
    server = origin("all304")

    assert [status_and_etag(server.answer("a", 0, None))[0] for _ in range(2)] == [200, 200]


def test_whoever_has_any_document_gets_none_whatever_the_turn():
    server = origin("parts")

    assert {status_and_etag(server.answer("a", 0, "*"))[0] for _ in range(3)} == {304}


@pytest.mark.parametrize("source", [0, 249, 250, 62_499, 62_500, 1_000_000])
def test_each_source_has_an_address_of_its_own(source):
    assert source_at(host_of(source)) == source


def test_the_floor_reads_what_we_read():
    whole = gzip.decompress(document(0, 0, 20, FIRST).body)
    item = whole[whole.index(b"<item>") : whole.index(b"</item>") + 7]

    guid, title, link, _, _, content = fields_of(item)
    entry = read_feed(whole, content_type="", url="https://site.example/").entries[0]

    assert (guid, title, link) == (entry.guid, entry.content.title, entry.content.link)
    assert len(content) > 2000


@pytest.mark.parametrize(
    ("samples", "flat"),
    [
        ([300] * 60, True),
        ([300] * 30 + [900] + [300] * 29, True),  # a moment says nothing
        ([300] * 12 + [305] * 48, True),
        ([300 + each / 4 for each in range(60)], False),
        ([300] * 30 + [0] * 30, False),  # it ended
        ([], False),
    ],
)
def test_memory_is_flat_when_the_last_minute_takes_no_more_than_the_first(samples, flat):
    assert tell_memory(samples, 0) is flat


def test_a_table_can_be_pasted_into_the_documentation():
    shown = table(("what", "ms"), [("poll", "1.2")], markdown=True)

    assert shown == "| what | ms |\n| --- | ---: |\n| poll | 1.2 |"


def test_the_readme_names_every_benchmark():
    readme = (HERE / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    commands = {
        path.stem
        for path in HERE.glob("[!_]*.py")
        if re.search(r"^def main\(", path.read_text("utf-8"), flags=re.MULTILINE)
    }

    assert named == commands
