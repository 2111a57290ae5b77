"""Lists of subscriptions as others export them (OPML 1.0 to 2.0, http://opml.org/spec2.opml).

Many exports are no XML: they put titles and HTML into attributes as they are. Those are mended
outline by outline, so that what is damaged stays the only thing that is lost.
"""

import codecs
import html as entities
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from lxml import etree

from aggregator.core.errors import UnreadableFeed
from aggregator.core.text import one_line, xml_safe

LONGEST_LABEL = 200
"""Characters of a name or a tag."""

_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})""")
_PROLOG = re.compile(r"\A\s*<\?xml.*?\?>", re.DOTALL)
_OUTLINE = re.compile(r"(?=<outline\b)", re.IGNORECASE)
_NAMES = "text|title|description|xmlUrl|htmlUrl|type|language|version|category|created"

# An attribute ends where the next one that OPML knows begins, or the outline ends: quotes and
# tags inside its value are the value's own.
_ATTRIBUTE = re.compile(
    rf'(?<=\s)({_NAMES})\s*=\s*"(.*?)"(?=\s+(?:{_NAMES})\s*=\s*"|\s*/?>\s*(?:</?outline|</body|<!--|\Z))',
    re.IGNORECASE | re.DOTALL,
)

_ROOTS = {"opml", "outlinedocument"}
"""The second is what OPML was called before its first version."""

_FEED_SCHEME = re.compile(r"\Afeed:(?://)?(?=https?:)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One subscription. `url` is as written, though not of the scheme `feed:`."""

    url: str
    name: str
    tags: tuple[str, ...] = ()
    """The groups around it, outermost first, then its categories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """What a list holds. `skipped` has a line for each outline that no feed can be taken from."""

    listed: tuple[Listed, ...]
    skipped: tuple[str, ...] = ()
    mended: bool = False
    """True when the document was not well-formed."""


def read_opml(body: bytes) -> Subscriptions:
    """Every subscription in document order, repeated ones too.

    Raises UnreadableFeed when it is no OPML document.
    """
    root, mended = _parsed(body)
    if root is None or str(root.tag).lower() not in _ROOTS:
        raise UnreadableFeed("not an OPML document: it has no <opml> at its top")
    found = list(_walk(root, ()))
    return Subscriptions(
        listed=tuple(one for one in found if isinstance(one, Listed)),
        skipped=tuple(one for one in found if isinstance(one, str)),
        mended=mended,
    )


def _parsed(body: bytes) -> tuple[etree._Element | None, bool]:
    try:
        return etree.fromstring(body, _parser(recover=False)), False
    except (etree.XMLSyntaxError, ValueError, LookupError):
        mended = _mended(xml_safe(_text_of(body))).encode()
    try:
        return etree.fromstring(mended, _parser(recover=True)), True
    except (etree.XMLSyntaxError, ValueError):
        return None, True


def _parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )


def _text_of(body: bytes) -> str:
    """By byte order mark, then as declared, then UTF-8, then windows-1252, which takes any byte."""
    declared = _ENCODING.match(body)
    names = ["utf-8-sig", *([declared[1].decode("ascii")] if declared else [])]
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        names.insert(0, "utf-16")
    for name in names:
        try:
            return body.decode(name)
        except (UnicodeError, LookupError):
            continue
    return body.decode("cp1252", "replace")


def _mended(text: str) -> str:
    """The document with every attribute of its outlines written as XML wants it."""
    parts = _OUTLINE.split(_PROLOG.sub("", text))
    return "".join(_ATTRIBUTE.sub(_rewritten, part) for part in parts)


def _rewritten(found: re.Match[str]) -> str:
    return f"{found[1]}={quoteattr(xml_safe(entities.unescape(found[2])))}"


def _walk(parent: etree._Element, groups: tuple[str, ...]) -> Iterator[Listed | str]:
    for outline in parent:
        if _is(outline, "body"):  # some close it before the first outline
            yield from _walk(outline, groups)
        if not _is(outline, "outline"):
            continue
        facts = {str(name).lower(): str(value) for name, value in outline.attrib.items()}
        name = one_line(facts.get("text", "") or facts.get("title", ""), LONGEST_LABEL)
        url = _web_scheme(facts.get("xmlurl", "").strip())
        if url:
            tags = (*groups, *_categories(facts.get("category", "")))
            yield Listed(url=url, name=name, tags=tuple(dict.fromkeys(tags)))
        elif facts.get("type", "").lower() == "rss":
            yield f"{name or 'an outline without text'}: no xmlUrl"
        inner = groups if url else (*groups, *filter(None, [_tag(name)]))
        yield from _walk(outline, inner)


def _web_scheme(url: str) -> str:
    """Readers hand `feed://host/…` and `feed:https://…` to each other."""
    if url.lower().startswith("feed://") and not _FEED_SCHEME.match(url):
        return f"http{url[4:]}"
    return _FEED_SCHEME.sub("", url)


def _categories(attribute: str) -> Iterator[str]:
    """Of "/a/b,c" a, b and c: what is a path of groups there, is tags here."""
    for part in re.split(r"[,/]", attribute):
        if tag := _tag(part):
            yield tag


def _tag(text: str) -> str:
    """A tag is a part of an address, so it holds no slash."""
    return one_line(text.replace("/", "-"), LONGEST_LABEL)


def _is(element: etree._Element, name: str) -> bool:
    return isinstance(element.tag, str) and element.tag.lower() == name
