"""A sample of `python -m benchmarks.round_trip`, and whether it would notice."""

from pathlib import Path

import pytest

from aggregator.core.joined import in_one
from benchmarks import round_trip
from benchmarks.round_trip_documents import take
from tests.formats.test_reading import atom
from tests.formats.whole import Written

FOLDER = round_trip.FOLDER
EVERY = 80
SMALL = 60_000
needs_corpora = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared corpora are not there")

ENTRIES = "".join(
    f"<entry><id>urn:x:{n}</id><title>Title {n}</title><updated>2026-0{n}-01T00:00:00Z</updated>"
    f"<link href='https://a.example/{n}'/>"
    f"<link rel='enclosure' href='https://a.example/{n}.mp3' length='{n}'/></entry>"
    for n in (3, 2, 1)
)


@needs_corpora
def test_a_sample_of_every_suite_survives_being_published():
    sample = list(round_trip.files(FOLDER, every=EVERY))

    trips = [take(FOLDER, path) for _, path in sample if (FOLDER / path).stat().st_size < SMALL]

    assert [failure for trip in trips for failure in trip.failures] == []
    assert {"feedparser-6.0.14", "feedvalidator", "gofeed", "venus"} <= {one for one, _ in sample}
    assert sum(trip.entries for trip in trips) > len(trips)


def test_what_survives_has_no_failures(tmp_path: Path):
    (tmp_path / "feed").write_text(atom(ENTRIES))
    trip = take(tmp_path, "feed")

    assert (trip.entries, trip.documents, trip.failures) == (3, 3, [])


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (b"<title>Title 3</title>", b"<title>Other</title>", "title"),
        (b"urn:x:3", b"urn:x:33", "id"),
        (b"https://a.example/3.mp3", b"https://a.example/4.mp3", "files"),
        (b"2026-03-01T00:00:00+00:00", b"2026-03-02T00:00:00+00:00", "published"),
        (b'"https://a.example/3"', b'"/3"', "link"),
        (b"</entry>", b"<entry/></entry>", "entries"),
        (b"</feed>", b"", "feedparser"),
    ],
)
def test_what_is_lost_is_noticed(monkeypatch, tmp_path: Path, old, new, finding):
    from benchmarks import round_trip_documents  # noqa: PLC0415 its names are changed here

    write, findings = round_trip_documents._FORMATS["atom"]

    def damaged(channel, shown):
        written = write(channel, shown)
        return Written(text=in_one(written.body.replace(old, new)))

    monkeypatch.setitem(round_trip_documents._FORMATS, "atom", (damaged, findings))
    (tmp_path / "feed").write_text(atom(ENTRIES))

    assert any(finding in failure for failure in take(tmp_path, "feed").failures)


def test_the_table_counts_what_became_of_them():
    tally = round_trip.Tally(files=2, unreadable=1, entries=5, documents=3, failures=["x"])

    assert list(round_trip.table({"suite": tally}))[-1] == "| all | 2 | 1 | 5 | 3 | 1 |"
