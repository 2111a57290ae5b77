"""One entry, and the head, of what feedparser found in an RSS, Atom or CDF document.

read_entry:  _link, _bodies, _line, _authors, …: each field through its gate in reading_fields

feedparser's dictionaries are not to be trusted: an element that is named like one of its keys
replaces the value by something of another type.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import unescape

from aggregator.core.model import Content, Enclosure, FeedInfo, Person, ReadEntry
from aggregator.core.urls import web_url
from aggregator.formats import reading_fields as fields
from aggregator.formats.reading_wishes import read_wishes

_Fields = Mapping[str, Any]

_HTML_TYPES = {"text/html", "application/xhtml+xml"}
_MOST_SOURCE_LINKS = 5
_XML_ENTITIES = {"&quot;": '"', "&apos;": "'"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What reading an entry needs to know of its document."""

    url: str
    format: str
    damaged: bool
    """No well-formed XML: feedparser's loose parser leaves XML's own entities in short texts."""
    info: FeedInfo = field(default_factory=FeedInfo)

    def own(self, value: object) -> str:
        """A short text as the source means it."""
        if not isinstance(value, str):
            return ""
        return unescape(value, _XML_ENTITIES) if self.damaged else value


def read_info(feed: _Fields, page: Page) -> FeedInfo:
    base = _base(feed, page)
    pictures = [feed.get("icon"), feed.get("logo"), *_hrefs([feed.get("image")])]
    return FeedInfo(
        title=_line(feed, "title", page),
        subtitle=_line(feed, "subtitle", page),
        link=_link(feed, page)[1],
        id=fields.guid(page.own(feed.get("id"))),
        updated=_time(feed, "updated_parsed") or _time(feed, "published_parsed"),
        language=fields.language(feed.get("language")),
        icon=fields.first_url(pictures, base),
        rights=_line(feed, "rights", page),
        authors=_authors(feed, page),
        wishes=read_wishes(feed),
    )


def read_entry(entry: _Fields, page: Page) -> ReadEntry:
    """The entry; one that defies reading keeps what identifies it, and harms no other."""
    try:
        return _entry(entry, page)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 see above
        written = fields.guid(page.own(entry.get("link")))
        title = fields.text(page.own(entry.get("title")))
        return ReadEntry(
            guid=fields.guid(page.own(entry.get("id"))),
            link_as_written=written,
            published=None,
            updated=None,
            content=Content(title=title, link=web_url(written, page.url)),
        )


def _entry(entry: _Fields, page: Page) -> ReadEntry:
    base = _base(entry, page)
    written, link = _link(entry, page)
    main, summary = _bodies(entry, page)
    html, text = ("", "") if main is None else _as_html(main, page)
    own_summary = "" if summary is None else _as_text(summary)
    content = Content(
        title=_line(entry, "title", page),
        link=link,
        authors=_authors(entry, page) or _inherited_authors(entry, page),
        language=_language(entry, main, page),
        summary=own_summary if own_summary != text else "",
        content_html=html,
        text=text,
        categories=fields.categories(
            page.own(tag.get("label") or tag.get("term")) for tag in fields.dicts(entry.get("tags"))
        ),
        enclosures=fields.enclosures(_enclosures(entry, base)),
        image=fields.first_url(_images(entry), base),
    )
    return ReadEntry(
        guid=fields.guid(page.own(entry.get("id"))),
        link_as_written=fields.guid(written),
        published=_time(entry, "published_parsed") or _time(entry, "created_parsed"),
        updated=_time(entry, "updated_parsed"),
        content=content,
        taken_from=_taken_from(entry, base),
    )


def _taken_from(entry: _Fields, base: str) -> tuple[str, ...]:
    """Where RFC 4287 §4.2.11 or the RSS element says that the entry was first."""
    source = entry.get("source")
    if not isinstance(source, dict):
        return ()
    links = _hrefs([source, *fields.dicts(source.get("links"))])
    urls = [
        fields.first_url([link], base) for link in [*links[:_MOST_SOURCE_LINKS], source.get("id")]
    ]
    return tuple(dict.fromkeys(url for url in urls if url))


def _base(owner: _Fields, page: Page) -> str:
    """The base of addresses that come without their own: xml:base as it holds for the texts."""
    details = [
        owner.get("title_detail"),
        owner.get("summary_detail"),
        *fields.dicts(owner.get("content")),
    ]
    bases = (detail.get("base") for detail in details if isinstance(detail, dict))
    return fields.first_url(bases, page.url) or page.url


def _link(owner: _Fields, page: Page) -> tuple[str | None, str | None]:
    """The address of the web page: as written, and absolute.

    Where there is none, a guid that is an address stands in: RSS says that it is a permalink
    unless it says otherwise, and Atom feeds without links have nothing else to offer.
    """
    alternates = sorted(_alternates(owner), key=lambda link: _rank(link, page))
    for link in alternates:
        base = fields.first_url([link.get("base")], page.url)
        if url := web_url(link["href"], base or page.url):
            return link["href"], url
    guid = page.own(owner.get("id")) if owner.get("guidislink") else ""
    if url := web_url(guid):
        return guid, url
    return (alternates[0]["href"] if alternates else None), None


def _alternates(owner: _Fields) -> Iterator[_Fields]:
    for link in fields.dicts(owner.get("links")):
        is_alternate = link.get("rel", "alternate") == "alternate"
        if is_alternate and isinstance(link.get("href"), str) and link["href"].strip():
            yield link


def _rank(link: _Fields, page: Page) -> tuple[bool, bool]:
    """HTML before other types; in Atom, a link that says so before one that says nothing."""
    says_nothing = page.format.startswith("atom") and not link.get("declared")
    return link.get("type") not in _HTML_TYPES, says_nothing


def _bodies(entry: _Fields, page: Page) -> tuple[_Fields | None, _Fields | None]:
    """The body that we show, and the source's own summary where that is another one."""
    contents = [one for one in fields.dicts(entry.get("content")) if _is_text(one)]
    contents.sort(key=lambda one: one.get("type") not in _HTML_TYPES)
    detail = entry.get("summary_detail")
    summaries = [detail] if isinstance(detail, dict) and _is_text(detail) else []
    for name in ("itunes_summary", "media_description"):
        if value := page.own(entry.get(name)).strip():
            kind = "text/html" if "</" in value else "text/plain"
            summaries.append({"value": value, "type": kind})
    bodies: list[_Fields] = [*contents[:1], *summaries]
    return (bodies[0] if bodies else None), (bodies[1] if len(bodies) > 1 else None)


def _is_text(detail: _Fields) -> bool:
    """Content of other types (RFC 4287 §4.1.3.3), or out of line, is nothing to show."""
    kind, value = detail.get("type"), detail.get("value")
    if not isinstance(kind, str):
        return False
    textual = kind.startswith("text/") or kind in _HTML_TYPES or "/" not in kind
    return textual and isinstance(value, str) and bool(value.strip())


def _as_html(detail: _Fields, page: Page) -> tuple[str, str]:
    value, kind = detail["value"], detail["type"]
    if kind == "application/xhtml+xml":
        value = value.replace("</br>", "")  # feedparser's <br></br> is two breaks in HTML
    base = fields.first_url([detail.get("base")], page.url) or page.url
    return fields.body(value, base, is_html=kind in _HTML_TYPES)


def _as_text(detail: _Fields) -> str:
    as_text = fields.text_of_html if detail["type"] in _HTML_TYPES else fields.text
    return as_text(detail["value"], fields.LONGEST_SUMMARY)


def _line(owner: _Fields, name: str, page: Page) -> str:
    """A text construct (RFC 4287 §3.1) as a line; feedparser says whether RSS means HTML."""
    detail = owner.get(f"{name}_detail")
    if not isinstance(detail, dict) or not isinstance(detail.get("value"), str):
        return fields.text(page.own(owner.get(name)))
    is_html = detail.get("type") in _HTML_TYPES
    return (fields.text_of_html if is_html else fields.text)(detail["value"])


def _authors(owner: _Fields, page: Page) -> tuple[Person, ...]:
    base = _base(owner, page)
    return fields.people(
        fields.person(page.own(one.get("name")), page.own(one.get("email")), one.get("href"), base)
        for one in fields.dicts(owner.get("authors"))
    )


def _inherited_authors(entry: _Fields, page: Page) -> tuple[Person, ...]:
    """In Atom, those of the entry's source, else those of the feed (RFC 4287 §4.2.1)."""
    if not page.format.startswith("atom"):
        return ()
    source = entry.get("source")
    return (_authors(source, page) if isinstance(source, dict) else ()) or page.info.authors


def _language(entry: _Fields, main: _Fields | None, page: Page) -> str | None:
    details = [detail for detail in (main, entry.get("title_detail")) if isinstance(detail, dict)]
    own = [entry.get("language"), *(detail.get("language") for detail in details)]
    return fields.language(*own, page.info.language)


def _enclosures(entry: _Fields, base: str) -> Iterator[Enclosure | None]:
    for link in fields.dicts(entry.get("links")):
        if link.get("rel") == "enclosure":
            own_base = fields.first_url([link.get("base")], base) or base
            yield fields.enclosure(link.get("href"), link.get("type"), link.get("length"), own_base)
    for media in fields.dicts(entry.get("media_content")):
        if _medium(media) in {"audio", "video"}:
            yield fields.enclosure(media.get("url"), media.get("type"), media.get("filesize"), base)


def _images(entry: _Fields) -> Iterable[object]:
    pictures = [one for one in fields.dicts(entry.get("media_content")) if _medium(one) == "image"]
    thumbnails = fields.dicts(entry.get("media_thumbnail"))
    return [
        *(one.get("url") for one in thumbnails),
        *_hrefs([entry.get("image")]),
        *(one.get("url") for one in pictures),
    ]


def _medium(media: _Fields) -> str:
    """Media RSS: `medium`, else the first half of `type`."""
    return str(media.get("medium") or media.get("type") or "").partition("/")[0].strip().lower()


def _time(owner: _Fields, key: str) -> datetime | None:
    # `in` first: feedparser answers for a missing `updated_parsed` with the published one.
    parsed = owner[key] if key in owner else None  # noqa: SIM401 .get() does just that
    try:
        year, month, day, hour, minute, second = parsed[:6]  # type: ignore[index] # see below
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):  # none, an element of that name, no such day
        return None


def _hrefs(owners: Iterable[object]) -> list[object]:
    return [one.get("href") for one in fields.dicts(list(owners))]
