"""RSS, Atom and CDF by feedparser, JSON Feed by our own reader, as a `ReadFeed`.

read_feed:  JSON? → read_json_feed, else _parse (feedparser, as written) → read_info, read_entry
            → with_languages

feedparser's own sanitizing, resolving and fetching stay off: all of it is done here, once.
"""

import codecs
import io
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from importlib.util import module_from_spec
from typing import Any
from xml.sax import SAXException

import feedparser.api

from aggregator.core.dates import believed
from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import FeedInfo, ReadFeed, Sliced
from aggregator.core.urls import web_url
from aggregator.formats.charsets import in_utf8
from aggregator.formats.html import unchanged
from aggregator.formats.html_pages import page_in_words
from aggregator.formats.jsonfeed_reading import read_json_feed
from aggregator.formats.languages import with_languages
from aggregator.formats.reading_entries import Page, read_dates, read_entry, read_info
from aggregator.formats.reading_fields import MOST_ENTRIES, dicts
from aggregator.formats.reading_links import read_links
from aggregator.formats.slices import slices

_WHITE = b" \t\r\n\x0b\x0c"
_HEAD = 4096
"""Bytes at a document's beginning that say what it is."""
_ROOT = re.compile(rb"<([A-Za-z_][\w:.-]{0,60})")
_HTML_PAGE = re.compile(rb"<(?:!doctype\s+)?html\b", re.IGNORECASE)
_DECLARATION = re.compile(rb"<\?xml[^>]{0,1000}>")
_WIDE_WHITE = re.compile(rb"\s{3,}")


class _AsWritten:
    """What our feedparser does otherwise than the one from the shelf."""

    baseuri: str
    inauthor: int
    inimage: int
    push: Any
    _get_context: Any
    _save_contributor: Any

    # Of the texts of elements only these are made absolute: a guid is the source's own text.
    can_be_relative_uri: frozenset[str] = frozenset(("icon", "logo", "href"))
    _in_text = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.namespacemap = {"atom": ""}  # many use atom:link, and forget to declare it

    def pop(self, element: str, strip_whitespace: int = 1) -> Any:
        self._in_text = True
        value = super().pop(element, strip_whitespace)  # type: ignore[misc] # feedparser's
        self._in_text = False
        return value

    def resolve_uri(self, uri: str) -> str:
        """Addresses in attributes stay as they are; `base` says what they are relative to."""
        return (web_url(uri, self.baseuri) or uri) if self._in_text else uri

    def _start_link(self, attributes: dict[str, str]) -> None:
        declared = "yes" if "type" in attributes else ""  # feedparser fills in text/html
        seen = attributes | {"base": self.baseuri, "declared": declared}
        super()._start_link(seen)  # type: ignore[misc] # feedparser's

    def _start_enclosure(self, attributes: dict[str, str]) -> None:
        super()._start_enclosure(attributes | {"base": self.baseuri})  # type: ignore[misc] # dito

    # Of description, itunes:summary and media:description the second would become the entry's
    # content, and itunes:subtitle takes the place of either. They get places of their own, and
    # serve where nothing else does.
    def _start_itunes_subtitle(self, _attributes: dict[str, str]) -> None:
        self.push("itunes_subtitle", 1)

    def _end_itunes_subtitle(self) -> None:
        self.pop("itunes_subtitle")

    def _start_itunes_summary(self, _attributes: dict[str, str]) -> None:
        self.push("itunes_summary", 1)

    def _end_itunes_summary(self) -> None:
        self.pop("itunes_summary")

    def _start_media_description(self, _attributes: dict[str, str]) -> None:
        self.push("media_description", 1)

    def _end_media_description(self) -> None:
        self.pop("media_description")

    # It would keep the last of several only.
    def _end_hour(self) -> None:
        self._add("skip_hours", self.pop("hour"))

    def _end_day(self) -> None:
        self._add("skip_days", self.pop("day"))

    def _add(self, name: str, value: str) -> None:
        self._get_context().setdefault(name, []).append(value)

    # With an attribute, such as xml:base, an element that it does not know has no text.
    def _start_icon(self, _attributes: dict[str, str]) -> None:
        self.push("icon", 1)

    def _start_logo(self, _attributes: dict[str, str]) -> None:
        self.push("logo", 1)

    def _end_url(self) -> None:
        """RSS 1.0 has the feed's picture beside the channel, where feedparser keeps nothing."""
        value = self.pop("href")
        if self.inimage:
            self._get_context().setdefault("href", value)
        elif self.inauthor:
            self._save_author("href", value)
        else:
            self._save_contributor("href", value)

    def _save_author(self, key: str, value: str, prefix: str = "author") -> None:
        """Keeps a podcast's owner out of the list of its authors."""
        if prefix == "publisher":
            self._get_context().setdefault("publisher_detail", {})[key] = value
        else:
            super()._save_author(key, value, prefix)  # type: ignore[misc] # dito

    def _sync_author_detail(self, key: str = "author") -> None:
        """Keeps the text of an RSS author whole.

        feedparser's pattern for e-mail addresses knows no top-level domain of more than four
        letters, and takes time quadratic in the text.
        """
        context = self._get_context()
        people, text = context.get(f"{key}s"), context.get(key)
        if isinstance(people, list) and people and not people[-1] and isinstance(text, str):
            people[-1]["name"] = text

    def handle_charref(self, ref: str) -> None:
        """A reference to no character, such as `&#xD800;`, would end the whole document."""
        super().handle_charref(ref if _names_a_character(ref) else "xfffd")  # type: ignore[misc] # dito


class _Sound(_AsWritten):
    """For well-formed documents, where an item inside of another's element is no further entry.

    Such are the losing versions of FeedSync, or what an atom:source wrongly holds.
    """

    inentry: int
    elementstack: list[list[Any]]
    _inner = 0

    def _start_item(self, attributes: dict[str, str]) -> None:
        if self.inentry and self.elementstack[-1][0] != "item":
            self._inner += 1
        else:
            super()._start_item(attributes)  # type: ignore[misc] # feedparser's

    def _end_item(self) -> None:
        if self._inner:
            self._inner -= 1
        else:
            super()._end_item()  # type: ignore[misc] # dito

    _start_entry = _start_item
    _end_entry = _end_item


def _names_a_character(ref: str) -> bool:
    digits, radix = (ref[1:], 16) if ref[:1] in {"x", "X"} else (ref, 10)
    if len(digits) > 8:  # noqa: PLR2004 more than any character needs
        return False
    try:
        number = int(digits, radix)
    except ValueError:
        return False
    return 0 < number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF  # noqa: PLR2004 Unicode


def _own_feedparser() -> Any:
    """Feedparser's module with `parse`, loaded once more for us alone.

    It has no argument for its parser classes, and others in this process may want theirs.
    """
    spec = feedparser.api.__spec__
    own = module_from_spec(spec)
    spec.loader.exec_module(own)
    for name, ours in (("StrictFeedParser", _Sound), ("LooseFeedParser", _AsWritten)):
        setattr(own, name, type(name, (ours, getattr(own, name)), {}))  # made from mixins, too
    return own


_own = _own_feedparser()


def read_feed(
    body: bytes,
    *,
    content_type: str,
    url: str,
    players: bool = False,
    clean: Callable[[str], str] = unchanged,
    known_head: str = "",
    known_items: Collection[str] = (),
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
    head, digests = found.head_digest(), found.digests()
    fresh = tuple(n for n, one in enumerate(digests) if one not in known_items)
    if head == known_head and not fresh:
        same = Sliced(head=head, items=digests, read=(), same=True)
        return ReadFeed(format="", info=FeedInfo(), entries=(), sliced=same)
    if len(fresh) <= len(digests) // 2:
        part = Sliced(head=head, items=digests, read=fresh)
        feed = _read_xml(found.with_items(fresh), page, part)
        if feed.sliced:
            return feed
    whole = Sliced(head=head, items=digests, read=tuple(range(len(digests))))
    return _read_xml(prepared, page, whole)


def _read_xml(document: bytes, page: Page, sliced: Sliced | None = None) -> ReadFeed:
    """Without `sliced` where the entries read are not those items, or tell only together."""
    result = _parse(document, page.url)
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
    return mark + _WIDE_WHITE.sub(b"\n", document[:start]) + document[start:]


def _what_it_is(document: bytes) -> str:
    head = document[:_HEAD]
    if _HTML_PAGE.search(head):
        return f"{page_in_words(document)}, not a feed"
    root = _ROOT.search(head)
    if root:
        return f"a document that begins with <{root[1].decode('ascii', 'replace')}>, not a feed"
    return "neither XML nor JSON, not a feed"


def _parse(document: bytes, url: str) -> Mapping[str, Any]:
    try:
        return _feedparser(document, url)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 feedparser lets through whatever a codec or a parser raises
        text = document.decode("utf-8", "replace").encode()
    try:
        return _feedparser(_DECLARATION.sub(b"", text, count=1), url)
    except MemoryError:
        raise
    except Exception as error:
        raise UnreadableFeed(f"a document that cannot be read ({type(error).__name__})") from error


def _feedparser(document: bytes, url: str) -> Mapping[str, Any]:
    # A stream, since feedparser takes bytes that look like a path or an address for one.
    # Content-Location makes every reported base absolute (without one, an entry's xml:base leaks
    # into its successors).
    headers = {"content-type": "application/xml; charset=utf-8", "content-location": url}
    result: Mapping[str, Any] = _own.parse(
        io.BytesIO(document),
        response_headers=headers,
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    return result
