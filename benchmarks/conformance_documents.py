"""Suites that expect no values: what a document holds is found by lxml, and we must have it all.

The W3C validator's cases, the same blogs in 23 charsets, and the fixtures of other programs.
"""

import codecs
import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from lxml import etree

from benchmarks.conformance_cases import Case, Check, moment_of

_WITH_MODELS = {"feedparser-6.0.14", "feedvalidator", "gofeed", "feed-rs", "podcastparser", "venus"}
_MOST_ENTRIES = 2000
_EXPECT = re.compile(rb"Expect:\s+(!?)")
_PYTHON_NAMES = {
    "MacCyrillic": "mac_cyrillic",
    "EUC-KR": "cp949",
    "Big5": "cp950",
    "GB2312": "gb18030",
}


def feedvalidator_cases(folder: Path) -> Iterator[Case]:
    """From a valid document everything; from another no entry may be lost."""
    for path in sorted((folder / "feedvalidator").rglob("*.xml")):
        body = path.read_bytes()
        root = _tree(body)
        items = [] if root is None else _items(root)
        expect = _EXPECT.search(body)
        is_valid = bool(expect and expect[1]) and root is not None
        checks = (
            [one for n, item in enumerate(items) for one in _whole(item, n)] if is_valid else []
        )
        yield Case(
            suite="feedvalidator",
            path=str(path.relative_to(folder)),
            checks=checks,
            entries=len(items) if items else None,
            may_be_refused=not items,
        )


def _tree(document: bytes | str) -> etree._Element | None:
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=True)
    try:
        return etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def _split(element: etree._Element) -> tuple[str, str]:
    """Namespace and name; lxml's QName refuses names that documents do have."""
    namespace, _, name = (
        element.tag.rpartition("}") if isinstance(element.tag, str) else ("", "", "")
    )
    return namespace, name


def _name(element: etree._Element) -> str:
    return _split(element)[1]


def _items(root: etree._Element) -> list[etree._Element]:
    """Items where a feed has them: below the root, its channel, or what stands around it."""
    places = [root, *(one for one in root if _name(one) == "channel")]
    return [one for place in places for one in place if _name(one) in {"item", "entry"}]


def _whole(item: etree._Element, n: int) -> Iterator[Check]:
    """What the item itself says, in elements of its own namespace."""
    for child in item:
        namespace, name = _split(child)
        if namespace == _split(item)[0] and not any(part.tag is etree.Entity for part in child):
            yield from _of_child(child, name, n)


def _of_child(child: etree._Element, name: str, n: int) -> Iterator[Check]:
    text = str(child.xpath("string()"))
    is_based = child.xpath("ancestor-or-self::*/@xml:base")
    match name:
        case "title":
            yield Check("entry.title", "line", text, n)
        case "guid" | "id":
            yield Check("entry.id", "exact", text.strip(), n)
        case "link" if text.strip().startswith("http") and not is_based:
            yield Check("entry.link", "url", text.strip(), n)
        case "pubDate" | "published" | "updated" if _is_date(text):
            field = "updated" if name == "updated" else "published"
            yield Check(f"entry.{field}", "time", text.strip(), n)
        case "description" if not is_based:
            yield Check("entry.body", "body", text, n)


def _is_date(text: str) -> bool:
    try:
        return moment_of(text.strip()) is not None
    except (ValueError, OverflowError):
        return False


def chardet_cases(folder: Path) -> Iterator[Case]:
    """The texts as they are in the charset that the folder is named after."""
    for path in sorted((folder / "chardet-feeds").rglob("*.xml")):
        charset = path.parent.name
        for language in ("hungarian", "bulgarian", "russian", "greek", "turkish", "hebrew"):
            charset = charset.removesuffix(f"-{language}")
        codec = codecs.lookup(_PYTHON_NAMES.get(charset, charset)).name
        text = path.read_bytes().decode(codec, "replace")
        root = _tree(re.sub(r"<\?xml[^>]*>", "", text, count=1).strip())
        items = [] if root is None else _items(root)
        whole = [one for n, item in enumerate(items) for one in _whole(item, n)]
        texts = [one for one in whole if one.how in {"line", "body"}]
        yield Case(
            suite="chardet-feeds",
            path=str(path.relative_to(folder)),
            checks=[one for one in texts if "\ufffd" not in one.expected],
            entries=len(items) or None,
        )


def other_cases(folder: Path) -> Iterator[Case]:
    """As many entries as feedparser finds; a JSON Feed as many as it lists."""
    counts = _counts(folder)
    done = _WITH_MODELS | {"chardet-feeds"}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        suite = name.partition("/")[0]
        if not path.is_file() or suite in done or name.endswith(".serde.json"):
            continue
        count = counts.get(name) or _listed(path)
        yield Case(
            suite=suite,
            path=name,
            entries=min(count, _MOST_ENTRIES) if count else None,
            may_be_refused=not count,
        )


def _counts(folder: Path) -> Mapping[str, int]:
    with (folder.parent / "feeds.csv").open(encoding="utf-8", newline="") as table:
        return {row["path"]: int(row["entries"]) for row in csv.DictReader(table)}


def _listed(path: Path) -> int:
    try:
        document = json.loads(path.read_bytes())
        return len([item for item in document["items"] if isinstance(item, dict)])
    except (ValueError, KeyError, TypeError):
        return 0
