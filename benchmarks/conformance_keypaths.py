"""feedparser's and Venus' suites: values at feedparser's own key paths."""

import ast
import codecs
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import feedparser

from benchmarks.conformance_cases import Case, Check, How

_Keys = tuple[str | int, ...]

_LINES = {
    "title": "title",
    "subtitle": "subtitle",
    "tagline": "subtitle",
    "description": "subtitle",
}
_TITLES: Mapping[str, tuple[str, How]] = {
    **{name: (field, "line") for name, field in _LINES.items()},
    **{f"{name}_detail.value": (field, "line") for name, field in _LINES.items()},
    "rights": ("rights", "line"),
    "copyright": ("rights", "line"),
    "rights_detail.value": ("rights", "line"),
    "copyright_detail.value": ("rights", "line"),
}
_PEOPLE: Mapping[str, tuple[str, How]] = {
    "author": ("author", "person"),
    "author_detail.name": ("authors.0.name", "line"),
    "author_detail.email": ("authors.0.email", "exact"),
    "author_detail.url": ("authors.0.uri", "url"),
    "author_detail.href": ("authors.0.uri", "url"),
    **{f"authors.{n}.name": (f"authors.{n}.name", "line") for n in range(3)},
    **{f"authors.{n}.email": (f"authors.{n}.email", "exact") for n in range(3)},
    **{f"authors.{n}.url": (f"authors.{n}.uri", "url") for n in range(3)},
}
_FEED: Mapping[str, tuple[str, How]] = {
    **_TITLES,
    **_PEOPLE,
    "id": ("id", "exact"),
    "guid": ("id", "exact"),
    "link": ("link", "url"),
    "language": ("language", "language"),
    "updated": ("updated", "time"),
    "updated_parsed": ("updated", "time"),
    "published": ("updated", "time"),
    "published_parsed": ("updated", "time"),
    "icon": ("icon", "url"),
    "logo": ("icon", "url"),
    "image.href": ("icon", "url"),
}
_ENTRY: Mapping[str, tuple[str, How]] = {
    **_PEOPLE,
    **{f"contributors.{n}.name": (f"contributors.{n}.name", "line") for n in range(3)},
    **{f"contributors.{n}.email": (f"contributors.{n}.email", "exact") for n in range(3)},
    **{f"contributors.{n}.url": (f"contributors.{n}.uri", "url") for n in range(3)},
    **{f"contributors.{n}.href": (f"contributors.{n}.uri", "url") for n in range(3)},
    "comments": ("comments", "url"),
    "source.id": ("origin.id", "exact"),
    "title": ("title", "line"),
    "title_detail.value": ("title", "line"),
    "description": ("body", "body"),
    "summary": ("body", "body"),
    "subtitle": ("body", "body"),
    "summary_detail.value": ("body", "body"),
    "content.0.value": ("body", "body"),
    "id": ("id", "exact"),
    "guid": ("id", "exact"),
    "link": ("link", "url"),
    "links.0.href": ("addresses", "one of"),
    "links.1.href": ("addresses", "one of"),
    "links.2.href": ("addresses", "one of"),
    "language": ("language", "language"),
    "content.0.language": ("language", "language"),
    "title_detail.language": ("language", "language"),
    "summary_detail.language": ("language", "language"),
    "updated": ("updated", "time"),
    "updated_parsed": ("updated", "time"),
    "published": ("published", "time"),
    "published_parsed": ("published", "time"),
    "created": ("published", "time"),
    "created_parsed": ("published", "time"),
    "image.href": ("image", "url"),
    "category": ("categories.0", "line"),
    **{f"tags.{n}.term": (f"categories.{n}", "line") for n in range(9)},
    **{f"enclosures.{n}.href": (f"enclosures.{n}.url", "url") for n in range(9)},
    **{f"enclosures.{n}.url": (f"enclosures.{n}.url", "url") for n in range(9)},
    **{f"enclosures.{n}.type": (f"enclosures.{n}.type", "exact") for n in range(9)},
    **{f"enclosures.{n}.length": (f"enclosures.{n}.length", "length") for n in range(9)},
}


def feedparser_cases(folder: Path) -> Iterator[Case]:
    with (folder.parent / "feedparser_expect.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            headers = dict(_header(one) for one in row["headers"])
            document = (folder / row["path"]).read_bytes()
            checks = [] if _is_skipped(document) else [_check(*one) for one in row["checks"]]
            url = f"http://127.0.0.1:8097/{row['path']}"
            yield Case(
                suite="feedparser",
                path=row["path"],
                content_type=headers.get("content-type", ""),
                url=urljoin("http://127.0.0.1:8097/feed", headers["content-location"])
                if "content-location" in headers
                else url,
                checks=_by_type(_without_other_links(checks, document), document),
                may_be_refused=True,
            )


_CODEC = re.compile(rb"SkipUnless: +__import__\('codecs'\).lookup\('([^']+)'\)")
_OTHER_LINK = re.compile(rb"""(?:rel=["'](?!alternate|enclosure)|creativecommons|<psc:)""")


def _is_skipped(document: bytes) -> bool:
    """The suite skips charsets that Python does not have."""
    found = _CODEC.search(document)
    try:
        return bool(found and not codecs.lookup(found[1].decode()))
    except LookupError:
        return True


def _without_other_links(checks: list[Check], document: bytes) -> list[Check]:
    """Links to licences and the like are not kept."""
    if not _OTHER_LINK.search(document):
        return checks
    return [
        replace(check, field="entry.(links)") if check.field == "entry.addresses" else check
        for check in checks
    ]


def _by_type(checks: list[Check], document: bytes) -> list[Check]:
    """Of texts with signs of markup feedparser itself says whether they are any."""
    if not any(one.how == "line" and set("<&") & set(str(one.expected)) for one in checks):
        return checks
    read = feedparser.parse(io.BytesIO(document))
    return [_typed(one, read) if one.how == "line" else one for one in checks]


def _typed(check: Check, read: Any) -> Check:
    name = check.field.partition(".")[2]
    owner = read.feed if check.entry is None else read.entries[check.entry]
    kind = owner.get(f"{name}_detail", {}).get("type")
    if kind is None:
        return check
    is_markup = kind in {"text/html", "application/xhtml+xml"}
    return replace(check, how="markup" if is_markup else "text")


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _check(scope: str, index: int | None, keys: _Keys, _op: str, expected: Any) -> Check:
    if scope == "meta":
        name = ".".join(map(str, keys))
        return Check("format" if name == "version" else f"meta.{name}", "exact", expected)
    return at_keys(scope, index, ".".join(map(str, keys)), expected)


def at_keys(scope: str, index: int | None, keys: str, expected: Any) -> Check:
    """The check of a value that feedparser has there."""
    field, how = (_FEED if scope == "feed" else _ENTRY).get(keys, (f"({keys})", "exact"))
    return Check(f"{scope}.{field}", how, expected, index)


_EXPECT = re.compile(rb"Expect:\s+(.*?)\s*-->", re.DOTALL)
_EQUALS = re.compile(r"""([A-Za-z][\w.\[\]']*) == (u?'[^']*'|\([\d, ]+\))(?: and |$)""")
_TEMPLATE_NAMES = {
    "author_name": "author_detail.name",
    "author_uri": "author_detail.href",
    "author": "author_detail.name",
    "content": "content.0.value",
    "summary_language": "language",
    "content_language": "language",
    "enclosure_href": "enclosures.0.href",
    "enclosure_type": "enclosures.0.type",
    "title_plain": "title",
    "channel_title_plain": "title",
}


def venus_cases(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "venus").rglob("*")):
        if path.suffix in {".xml", ".atom"}:
            document = path.read_bytes()
            found = _EXPECT.search(document)
            expect = found[1].decode("utf-8") if found else ""
            checks = [_venus_check(*one) for one in _EQUALS.findall(expect)]
            yield Case(
                suite="venus",
                path=str(path.relative_to(folder)),
                checks=_without_other_links(checks, document),
                may_be_refused=True,
            )


def _venus_check(name: str, literal: str) -> Check:
    expected = ast.literal_eval(literal)
    if "\\x" in literal and literal[0] != "u":  # Python 2's bytes
        expected = expected.encode("latin-1").decode("utf-8")
    keys = ".".join(re.findall(r"\w+", name))
    item, _, rest = keys.partition(".0.")
    if item in {"Items", "Channels"} and rest:
        is_entry = item == "Items" and not rest.startswith("channel_")
        bare = _TEMPLATE_NAMES.get(rest, rest.removeprefix("channel_"))
        return (
            at_keys("entry", 0, bare, expected)
            if is_entry
            else at_keys("feed", None, bare, expected)
        )
    if keys.startswith("source."):
        return at_keys("feed", None, keys.removeprefix("source."), expected)
    return at_keys("entry", 0, keys, expected)
