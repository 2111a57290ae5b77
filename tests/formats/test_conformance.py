"""A sample of `python -m benchmarks.conformance`, and whether it would notice."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import conformance
from benchmarks.conformance_cases import Case, Check, judged
from benchmarks.conformance_running import run, run_all
from tests.formats.test_reading import atom, read, rss
from tests.patience import PATIENCE

FOLDER = conformance.FOLDER
EVERY = 5
needs_corpora = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared corpora are not there")


@needs_corpora
def test_a_sample_of_every_suite_reads_as_its_own_tests_say():
    cases = [
        case
        for number, case in enumerate(conformance.all_cases(FOLDER))
        if number % EVERY == 0 and (FOLDER / case.path).stat().st_size < 100_000
    ]

    outcomes = [run(FOLDER, case) for case in cases]

    assert conformance.share(outcomes) >= conformance.ENOUGH
    assert not any(outcome.fatal for outcome in outcomes)
    suites = {case.suite for case in cases}
    assert {"feedparser", "feedvalidator", "gofeed", "feed-rs", "chardet-feeds"} <= suites


def judge(body: str, *checks: Check, entries: int | None = None) -> tuple[int, int, int]:
    outcome = judged(Case(suite="x", path="x", checks=checks, entries=entries), read(body))
    return outcome.passed, len(outcome.failures), len(outcome.not_kept)


def test_what_is_read_otherwise_fails():
    item = "<item><title>a &amp;lt;b></title><guid>1</guid></item>"

    assert judge(rss(item), Check("entry.title", "line", "a <b>", 0)) == (1, 0, 0)
    assert judge(rss(item), Check("entry.title", "line", "a", 0)) == (0, 1, 0)
    assert judge(rss(item), Check("entry.id", "exact", "2", 0)) == (0, 1, 0)
    assert judge(rss(item), Check("entry.id", "exact", "1", 7)) == (0, 1, 0)
    assert judge(rss(item), entries=2) == (0, 1, 0)


def test_what_is_not_kept_is_counted_apart():
    assert judge(rss(""), Check("feed.(cloud)", "exact", "x")) == (0, 0, 1)


def test_a_body_is_compared_modulo_the_allow_list():
    entry = (
        '<entry><content type="html">&lt;p onclick="x">a&lt;script>b&lt;/script></content></entry>'
    )

    assert judge(atom(entry), Check("entry.body", "body", "<p>a</p>", 0)) == (1, 0, 0)
    assert judge(atom(entry), Check("entry.body", "body", "<p>b</p>", 0)) == (0, 1, 0)


def test_moments_may_be_told_in_any_way():
    moment = datetime(2026, 11, 2, 10, tzinfo=UTC)
    item = f"<item><pubDate>{moment:%a, %d %b %Y %H:%M:%S GMT}</pubDate></item>"
    nine = [2026, 11, 2, 10, 0, 0, 0, 306, 0]

    for same in (nine, int(moment.timestamp()), "2026-11-02T11:00:00+01:00"):
        assert judge(rss(item), Check("entry.published", "time", same, 0)) == (1, 0, 0)
    assert judge(rss(item), Check("entry.published", "time", None, 0)) == (0, 1, 0)


def test_what_crashes_or_hangs_costs_itself_only(tmp_path: Path):
    (tmp_path / "good").write_text(rss("<item/>"))
    os.mkfifo(tmp_path / "endless")  # nobody writes into it
    good = Case(suite="x", path="good", entries=1)
    crashes = Case(suite="x", path="missing")
    hangs = Case(suite="x", path="endless")

    crashed, fine = run_all(tmp_path, [crashes, good], deadline=PATIENCE)
    (hung,) = run_all(tmp_path, [hangs], deadline=0.0)

    assert "FileNotFoundError" in crashed.fatal
    assert (fine.passed, fine.fatal) == (1, "")
    assert hung.fatal == "hung for 0 s"


def test_the_table_says_what_passed_and_the_list_what_failed(tmp_path: Path):
    (tmp_path / "good").write_text(rss("<item/>"))
    check = Check("feed.title", "line", "T")
    outcomes = [run(tmp_path, Case(suite="x", path="good", entries=1, checks=[check]))]

    assert "| x | 1 | 2 | 1 | 1 | 0 | 0 |" in "\n".join(conformance.table(outcomes))
    assert re.search(
        r"good: feed.title\n +expected 'T'\n +got +''", "\n".join(conformance.failures(outcomes))
    )
