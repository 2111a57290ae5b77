"""One file of a suite, what the suite says of it, and whether we read it so.

A check names one of `FIELDS`. What is not in there is not kept yet: such checks are counted apart,
and one line here switches them on.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from aggregator.core.model import Content, FeedInfo, Person, ReadEntry, ReadFeed
from aggregator.core.urls import web_url
from aggregator.formats import reading_fields
from aggregator.formats.html import cleaned, paragraphs

How = Literal[
    "line",
    "text",
    "markup",
    "length",
    "body",
    "url",
    "time",
    "person",
    "language",
    "exact",
    "one of",
    "among",
]


@dataclass(frozen=True, slots=True)
class Check:
    field: str
    how: How
    expected: Any
    entry: int | None = None
    """Which entry of the document; None for its head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    suite: str
    path: str
    """Below the folder of all suites."""
    checks: Sequence[Check] = ()
    content_type: str = ""
    url: str = "http://127.0.0.1:8097/feed"
    entries: int | None = None
    """How many there are; None where nobody says."""
    may_be_refused: bool = False
    """The suite does not say that it is a feed."""


@dataclass(frozen=True, slots=True)
class Failure:
    suite: str
    path: str
    check: Check
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a file; `fatal` says how reading it ended where it did not end well."""

    suite: str
    path: str
    passed: int = 0
    not_kept: Sequence[str] = ()
    failures: Sequence[Failure] = field(default_factory=tuple)
    fatal: str = ""


def _nth(
    of: Callable[[Any], Sequence[Any]], number: int, name: str = ""
) -> Callable[[Any], object]:
    """The field of a list's member; None where the list is shorter."""

    def value(owner: Any) -> object:
        members = of(owner)
        if number >= len(members):
            return None
        return getattr(members[number], name) if name else members[number]

    return value


def _authors(owner: FeedInfo | ReadEntry) -> Sequence[Person]:
    return owner.authors if isinstance(owner, FeedInfo) else owner.content.authors


def _entry_addresses(entry: ReadEntry) -> list[object]:
    files = [file.url for file in entry.content.enclosures]
    return [entry.content.link, entry.link_as_written, entry.content.image, *files]


_HEAD: Mapping[str, Callable[[FeedInfo], object]] = {
    "title": lambda info: info.title,
    "subtitle": lambda info: info.subtitle,
    "rights": lambda info: info.rights,
    "id": lambda info: info.id,
    "link": lambda info: info.link,
    "updated": lambda info: info.updated,
    "language": lambda info: info.language,
    "icon": lambda info: info.icon,
    "author": lambda info: info.authors[0] if info.authors else None,
    "names": lambda info: [person.name for person in info.authors],
    **{
        f"authors.{n}.{name}": _nth(_authors, n, name)
        for n in range(20)
        for name in ("name", "email", "uri")
    },
}
_ENTRY: Mapping[str, Callable[[ReadEntry], object]] = {
    "title": lambda entry: entry.content.title,
    "id": lambda entry: entry.guid,
    "link": lambda entry: entry.content.link,
    "addresses": _entry_addresses,
    "body": lambda entry: entry.content,
    "published": lambda entry: entry.published,
    "updated": lambda entry: entry.updated,
    "date": lambda entry: entry.published or entry.updated,  # as `reconcile` has it
    "language": lambda entry: entry.content.language,
    "image": lambda entry: entry.content.image,
    "names": lambda entry: [person.name for person in entry.content.authors],
    "author": lambda entry: entry.content.authors[0] if entry.content.authors else None,
    "categories": lambda entry: entry.content.categories,
    **{
        f"authors.{n}.{name}": _nth(_authors, n, name)
        for n in range(20)
        for name in ("name", "email", "uri")
    },
    "comments": lambda entry: entry.content.comments,
    "origin.id": lambda entry: entry.content.origin and entry.content.origin.id,
    **{
        f"contributors.{n}.{name}": _nth(lambda entry: entry.content.contributors, n, name)
        for n in range(20)
        for name in ("name", "email", "uri")
    },
    **{f"categories.{n}": _nth(lambda entry: entry.content.categories, n) for n in range(50)},
    **{
        f"enclosures.{n}.{name}": _nth(lambda entry: entry.content.enclosures, n, name)
        for n in range(20)
        for name in ("url", "type", "length")
    },
}
FIELDS: Mapping[str, Callable[[Any], object]] = {
    **{f"feed.{name}": of for name, of in _HEAD.items()},
    **{f"entry.{name}": of for name, of in _ENTRY.items()},
    "format": lambda feed: feed.format,
}


def judged(case: Case, feed: ReadFeed) -> Outcome:
    """The outcome of a case whose document was read."""
    kept = [check for check in case.checks if check.field in FIELDS]
    if case.entries is not None:
        kept.append(Check("number of entries", "exact", case.entries))
    failures = [found for check in kept if (found := _failure(case, check, feed))]
    return Outcome(
        suite=case.suite,
        path=case.path,
        passed=len(kept) - len(failures),
        not_kept=[check.field for check in case.checks if check.field not in FIELDS],
        failures=failures,
    )


def _failure(case: Case, check: Check, feed: ReadFeed) -> Failure | None:
    if check.field == "number of entries":
        got: object = len(feed.entries)
    elif check.entry is None:
        got = FIELDS[check.field](feed if check.field == "format" else feed.info)
    elif check.entry < len(feed.entries):
        got = FIELDS[check.field](feed.entries[check.entry])
    else:
        return Failure(case.suite, case.path, check, "no such entry")
    if _SAME[check.how](check.expected, got, case.url):
        return None
    return Failure(case.suite, case.path, check, _shown(got))


def _shown(got: object) -> str:
    if isinstance(got, Content):
        return f"{got.content_html!r}, summary {got.summary!r}"
    return str(got) if isinstance(got, datetime) else repr(got)


def _same_line(expected: Any, got: Any, _base: str) -> bool:
    """A text of the suite may be plain or HTML, and says so only in its document."""
    as_html = reading_fields.text_of_html(expected)
    return (got or "") in {reading_fields.text(expected), as_html}


def _same_body(expected: Any, got: Any, base: str) -> bool:
    """The suite's HTML through our allow-list; the body that we show, or the summary beside it."""
    forms = {_bare(cleaned(expected, base)[0]), _bare(cleaned(paragraphs(expected), base)[0])}
    as_text = reading_fields.text_of_html(expected, reading_fields.LONGEST_SUMMARY)
    plain = reading_fields.text(expected, reading_fields.LONGEST_SUMMARY)
    ours = {got.summary, got.text} - {""} or {""}
    return _bare(got.content_html) in forms or not ours.isdisjoint({as_text, plain})


def _bare(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"</?p>", "", html)).strip()


def _same_url(expected: Any, got: Any, base: str) -> bool:
    return got in {web_url(expected, base), web_url(expected)} or (not expected and not got)


def _is_one_of(expected: Any, got: Any, base: str) -> bool:
    return expected in got or web_url(expected, base) in got


def _same_moment(expected: Any, got: Any, _base: str) -> bool:
    moment = moment_of(expected)
    return got.replace(microsecond=0) == moment if got else moment is None


def moment_of(expected: Any) -> datetime | None:
    """feedparser's nine numbers, seconds since 1970, RFC 3339, RFC 2822, or nothing."""
    if not expected:
        return None
    if isinstance(expected, int):
        return datetime.fromtimestamp(expected, UTC)
    if isinstance(expected, str):
        return _parsed(expected)
    year, month, day, hour, minute, second = expected[:6]
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def _parsed(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = parsedate_to_datetime(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(microsecond=0)


def _same_person(expected: Any, got: Any, base: str) -> bool:
    wanted = reading_fields.person(expected, None, None, base)
    if wanted is None or got is None:
        return wanted is got
    return (wanted.name, wanted.email) == (got.name, got.email)


def _same_language(expected: Any, got: Any, _base: str) -> bool:
    return bool(got == reading_fields.language(expected))


_SAME: Mapping[How, Callable[[Any, Any, str], bool]] = {
    "line": _same_line,
    "text": lambda expected, got, _base: got == reading_fields.text(expected),
    "markup": lambda expected, got, _base: got == reading_fields.text_of_html(expected),
    "body": _same_body,
    "url": _same_url,
    "time": _same_moment,
    "person": _same_person,
    "language": _same_language,
    "length": lambda expected, got, _base: got == (int(expected) if expected else None),
    "one of": _is_one_of,
    "among": lambda expected, got, base: any(_same_url(one, got, base) for one in expected),
    "exact": lambda expected, got, _base: bool((got or None) == (expected or None)),
}
