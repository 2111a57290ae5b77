"""RSS, Atom and CDF by feedparser, JSON Feed by our own reader, as a `ReadFeed`.

read_feed:  JSON? → read_json_feed, else parse (feedparser) → read_info, read_entry
            → with_languages
read_rest:  the same of a document without its known items

feedparser's own sanitizing, resolving and fetching stay off: all of it is done here, once.
"""

import codecs
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from xml.sax import SAXException

from aggregator.core.dates import believed
from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import FeedInfo, ReadFeed, Sliced
from aggregator.formats.charsets import in_utf8, is_utf8
from aggregator.formats.feedparsing.parse import parse
from aggregator.formats.html import unchanged
from aggregator.formats.html_pages import page_in_words
from aggregator.formats.jsonfeed_reading import read_json_feed
from aggregator.formats.known_slices import Rest, stand_ins
from aggregator.formats.languages import with_languages
from aggregator.formats.reading_entries import Page, read_dates, read_entry, read_info
from aggregator.formats.reading_fields import MOST_ENTRIES, dicts
from aggregator.formats.reading_links import read_links
from aggregator.formats.slices import Slices, slices

_WHITE = b" \t\r\n\x0b\x0c"
_HEAD = 4096
"""Bytes at a document's beginning that say what it is."""
_ROOT = re.compile(rb"<([A-Za-z_][\w:.-]{0,60})")
_HTML_PAGE = re.compile(rb"<(?:!doctype\s+)?html\b", re.IGNORECASE)
_WIDE_WHITE = re.compile(rb"\s{3,}")


def read_feed(
    body: bytes,
    *,
    content_type: str,
    url: str,
    players: bool = False,
    clean: Callable[[str], str] = unchanged,
    known_head: int | None = None,
    known_items: Collection[int] = (),
) -> ReadFeed:
    """The feed in `body`, found at `url` and sent as `content_type` (the header, or empty).

    `players` keeps the frames of players that we know; `clean` makes of the address of a link in
    a text the one to publish. Where most of the document is known, by digests of its parts, only
    the rest of it is read. Raises UnreadableFeed, which says what the body is instead.
    """
    document = _trimmed(body)
    first = document.removeprefix(codecs.BOM_UTF8)[:1]
    if not first:
        raise UnreadableFeed("an empty document, not a feed")
    if first == b"{" or ("json" in content_type.lower() and first != b"<"):
        return with_languages(read_json_feed(document, url=url, players=players, clean=clean))
    page = Page(url=url, format="", damaged=False, players=players, clean=clean)
    prepared = in_utf8(document, content_type)
    found = slices(prepared)
    if found is None or len(found.items) > MOST_ENTRIES:
        return _read_xml(prepared, page)
    known = {n for n, (digest, _, _) in enumerate(found.sketches) if digest in known_items}
    part = _read_part(found, known, len(known), page, known_head)
    if part and part.sliced:
        resting = tuple(found.sketches[n] for n in sorted(known))
        return replace(part, sliced=replace(part.sliced, resting=resting))
    return _read_xml(prepared, page, Sliced(head=found.head_digest(), read=found.sketches))


def read_rest(
    rest: Rest,
    *,
    content_type: str,
    url: str,
    players: bool = False,
    clean: Callable[[str], str] = unchanged,
    known_head: int | None = None,
) -> ReadFeed | None:
    """What `read_feed` finds in the whole document, `resting` aside; None where it has to be asked:
    nothing that is odd is read in parts.
    """
    document = _trimmed(rest.document)
    is_plain = document.startswith(b"<") and is_utf8(document, content_type)
    found = slices(document) if is_plain else None
    known = stand_ins(found, rest) if found else None
    if found is None or known is None:
        return None
    resting = sum(count for _, count in rest.runs)
    if resting + len(found.items) - len(known) > MOST_ENTRIES:
        return None
    page = Page(url=url, format="", damaged=False, players=players, clean=clean)
    try:
        return _read_part(found, known, resting, page, known_head)
    except UnreadableFeed:
        return None


def _read_part(
    found: Slices, known: Collection[int], resting: int, page: Page, known_head: int | None
) -> ReadFeed | None:
    """What is not known, by number, of items of which `resting` are; None where most are new, or
    tell only together.
    """
    fresh = tuple(n for n in range(len(found.items)) if n not in known)
    sliced = Sliced(head=found.head_digest(), read=tuple(found.sketches[n] for n in fresh))
    if sliced.head == known_head and not fresh:
        same = replace(sliced, same=True)
        return ReadFeed(format="", info=FeedInfo(), entries=(), sliced=same)
    if len(fresh) > resting:
        return None
    feed = _read_xml(found.with_items(fresh), page, sliced)
    return feed if feed.sliced else None


def _read_xml(document: bytes, page: Page, sliced: Sliced | None = None) -> ReadFeed:
    """Without `sliced` where the entries read are not those items, or tell only together."""
    result = parse(document, page.url)
    entries = dicts(result.get("entries"))
    version = result.get("version") or ""
    if not version and not entries:
        raise UnreadableFeed(_what_it_is(document))
    damaged = isinstance(result.get("bozo_exception"), SAXException) or not result.get("encoding")
    page = replace(page, format=version or "unknown", damaged=damaged)
    page = replace(page, info=read_info(result["feed"], page))
    read = tuple(read_entry(one, page) for one in entries[:MOST_ENTRIES])
    trusted = believed(read, read_dates(result["feed"]).__contains__)
    surely = sliced is not None and len(read) == len(sliced.read) and trusted == read
    feed = ReadFeed(
        format=page.format,
        info=page.info,
        entries=trusted,
        sliced=sliced if surely else None,
        links=read_links(result["feed"], page.url),
    )
    return with_languages(feed)


def _trimmed(body: bytes) -> bytes:
    """The document without white space before it, and with little before its root element.

    feedparser searches there with patterns that take time quadratic in the white space.
    """
    mark = codecs.BOM_UTF8 if body.startswith(codecs.BOM_UTF8) else b""
    document = body.removeprefix(mark)
    if b"\0" in document[:4]:  # UTF-16 or UTF-32
        return body
    document = document.lstrip(_WHITE)
    root = _ROOT.search(document)
    start = root.start() if root else 0
    if not _WIDE_WHITE.search(document, 0, start):
        return mark + document if mark else document
    return mark + _WIDE_WHITE.sub(b"\n", document[:start]) + document[start:]


def _what_it_is(document: bytes) -> str:
    head = document[:_HEAD]
    if _HTML_PAGE.search(head):
        return f"{page_in_words(document)}, not a feed"
    root = _ROOT.search(head)
    if root:
        return f"a document that begins with <{root[1].decode('ascii', 'replace')}>, not a feed"
    return "neither XML nor JSON, not a feed"
