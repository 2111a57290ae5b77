"""The feeds that a web page names: `<link rel="alternate">` with the type of a feed.

https://html.spec.whatwg.org/multipage/links.html#rel-alternate

A page is anybody's, and HTML parsers want time quadratic in the depth of a page and in the
attributes of one tag. So the parser never sees the page: it is given the few tags that count,
which a scan in linear time finds, one beside the other.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from aggregator.core.text import one_line
from aggregator.core.urls import web_url

LONGEST_PAGE = 512 * 1024
"""Bytes that we look at: links to feeds stand at a page's beginning."""

LONGEST_TAG = 2048
MOST_TAGS = 500
MOST_CANDIDATES = 20

LONGEST_TITLE = 200

FEED_TYPES = frozenset(
    {
        "application/atom+xml",
        "application/rss+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/json",  # what JSON Feed 1.0 asked for
        "application/xml",
        "text/xml",
    }
)

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)

# What holds no elements is passed over whole, up to the end of the page where nothing closes it.
_START = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|textarea|title)\b.*?(?:</\1|\Z)"
    r"|(?P<wanted><(?:link|base)(?=[\s/]))",
    re.IGNORECASE | re.DOTALL,
)
_WHOLE_TAG = re.compile(r"""(?:[^>"']|"[^"]*"|'[^']*')*+>""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A feed as a page names it. `title` may be empty; `type` is in lower case."""

    url: str
    title: str
    type: str


def discover(page: bytes, content_type: str, url: str) -> tuple[Candidate, ...]:
    """The feeds that the page at `url` names, in its order, each address once."""
    tree = LexborHTMLParser("".join(_tags(_text_of(page[:LONGEST_PAGE], content_type))))
    first_base = tree.css_first("base[href]")
    base = web_url(first_base.attributes.get("href"), url) if first_base else None
    found: dict[str, Candidate] = {}
    for link in tree.css("link[href]"):
        candidate = _candidate(link.attributes, base or url)
        if candidate and candidate.url != url and len(found) < MOST_CANDIDATES:
            found.setdefault(candidate.url, candidate)
    return tuple(found.values())


def _candidate(attributes: dict[str, str | None], base: str) -> Candidate | None:
    relations = (attributes.get("rel") or "").lower().split()
    type = (attributes.get("type") or "").partition(";")[0].strip().lower()
    url = web_url(attributes.get("href"), base)
    is_feed = "alternate" in relations and type in FEED_TYPES
    if not (is_feed and url) or _is_wordpress_api(type, url) or "@" in urlsplit(url).netloc:
        return None
    title = one_line(attributes.get("title") or "", LONGEST_TITLE)
    return Candidate(url=url, title=title, type=type)


def _is_wordpress_api(type: str, url: str) -> bool:
    """Each page of WordPress names its own record beside its feeds, and as JSON."""
    return type == "application/json" and ("/wp-json/" in url or "rest_route=" in url)


def _tags(text: str) -> Iterator[str]:
    at = 0
    for _ in range(MOST_TAGS):
        start = _START.search(text, at)
        while start and not start["wanted"]:
            start = _START.search(text, start.end())
        if not start:
            return
        tag = _WHOLE_TAG.match(text, start.end(), start.end() + LONGEST_TAG)
        at = tag.end() if tag else start.end()
        if tag:
            yield start["wanted"] + tag[0]


def _text_of(page: bytes, content_type: str) -> str:
    """As the header or the page's first kilobyte declares, else UTF-8; addresses are ASCII."""
    if page.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return page.decode("utf-16", "replace")
    declared = _CHARSET.search(content_type) or _CHARSET.search(page[:1024].decode("latin-1"))
    try:
        return page.decode(declared[1] if declared else "utf-8", "replace")
    except LookupError:
        return page.decode("utf-8", "replace")
