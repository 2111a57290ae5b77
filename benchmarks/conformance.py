"""Do we read what others' parsers read? Every suite under a folder, through our own pipeline.

    python -m benchmarks.conformance [FOLDER] [--failures] [--not-kept]

FOLDER (default ../shared/corpora/feeds) holds one folder a suite. Each file is read as a poll
reads it (read_feed, normalize, reconcile), in worker processes and under a deadline, and compared
with what its own suite expects of it on the fields that we keep. Exit status 0 when enough pass
and no file crashed or hung.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.conformance_cases import Case, Outcome
from benchmarks.conformance_documents import chardet_cases, feedvalidator_cases, other_cases
from benchmarks.conformance_keypaths import feedparser_cases, venus_cases
from benchmarks.conformance_models import feed_rs_cases, gofeed_cases, podcastparser_cases
from benchmarks.conformance_running import run_all

FOLDER = Path("../shared/corpora/feeds")
ENOUGH = 0.98
_SUITES = (
    feedparser_cases,
    feedvalidator_cases,
    gofeed_cases,
    feed_rs_cases,
    podcastparser_cases,
    venus_cases,
    chardet_cases,
    other_cases,
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--suite", help="this one only")
    parser.add_argument("--failures", action="store_true", help="each, with expected and got")
    parser.add_argument("--not-kept", action="store_true", help="which fields we do not keep")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        print(f"conformance: skipped, there is no {options.folder}")
        return 0
    cases = [one for one in all_cases(options.folder) if options.suite in {None, one.suite}]
    outcomes = list(run_all(options.folder, cases))
    print("\n".join(table(outcomes)))
    if options.failures:
        print("\n".join(failures(outcomes)))
    if options.not_kept:
        fields = Counter(name for one in outcomes for name in one.not_kept)
        print("\n".join(f"{count:5} {name}" for name, count in fields.most_common()))
    return 0 if share(outcomes) >= ENOUGH and not any(one.fatal for one in outcomes) else 1


def all_cases(folder: Path) -> Iterator[Case]:
    for suite in _SUITES:
        yield from suite(folder)


def share(outcomes: Iterable[Outcome]) -> float:
    """Of the cases on fields that we keep, those that pass."""
    passed, failed = _tally(outcomes)
    return passed / (passed + failed) if passed + failed else 1.0


def _tally(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    counts = [(one.passed, len(one.failures) + bool(one.fatal)) for one in outcomes]
    return sum(passed for passed, _ in counts), sum(failed for _, failed in counts)


def table(outcomes: Sequence[Outcome]) -> Iterator[str]:
    by_suite: Mapping[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_suite[outcome.suite].append(outcome)
    yield "| suite | files | cases | passed | failed | not kept yet | crashed or hung |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for suite, found in by_suite.items():
        yield _row(suite, found)
    yield _row("**all**", outcomes)
    yield f"\n{share(outcomes):.2%} of the cases on fields that we keep pass."


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    passed, failed = _tally(outcomes)
    not_kept = sum(len(one.not_kept) for one in outcomes)
    fatal = sum(bool(one.fatal) for one in outcomes)
    cells = (name, len(outcomes), passed + failed, passed, failed, not_kept, fatal)
    return "| " + " | ".join(map(str, cells)) + " |"


def failures(outcomes: Iterable[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.fatal:
            yield f"\n{outcome.path}: {outcome.fatal}"
        for found in outcome.failures:
            where = "" if found.check.entry is None else f" [{found.check.entry}]"
            yield f"\n{found.path}: {found.check.field}{where}"
            yield f"  expected {str(found.check.expected)[:300]!r}"
            yield f"  got      {found.got[:300]}"


if __name__ == "__main__":
    sys.exit(main())
