"""One entry, and the head, of what feedparser found in an RSS, Atom or CDF document.

read_entry:  _link, _bodies, _line, _authors, …: each field through its gate in reading_fields

feedparser's dictionaries are not to be trusted: an element that is named like one of its keys
replaces the value by something of another type.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import unescape

from aggregator.core.model import Category, Content, FeedInfo, Origin, Person, ReadEntry
from aggregator.core.urls import web_url
from aggregator.formats import reading_fields as fields
from aggregator.formats.dates import is_plain, read_date
from aggregator.formats.html import unchanged
from aggregator.formats.reading_media import hrefs, read_enclosures, read_images
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
    players: bool = False
    """Whether frames of players stay in texts."""
    clean: Callable[[str], str] = unchanged
    """What becomes of the address of a link in a text."""

    def own(self, value: object) -> str:
        """A short text as the source means it."""
        if not isinstance(value, str):
            return ""
        return unescape(value, _XML_ENTITIES) if self.damaged else value


def read_info(feed: _Fields, page: Page) -> FeedInfo:
    feed = fields.plain(feed)
    base = _base(feed, page)
    pictures = [feed.get("icon"), feed.get("logo"), *hrefs([feed.get("image")])]
    return FeedInfo(
        title=_line(feed, "title", page),
        subtitle=_line(feed, "subtitle", page) or _said_of_podcast(feed, page),
        link=_link(feed, page)[1],
        id=fields.guid(page.own(feed.get("id"))),
        updated=_time(feed, "updated") or _time(feed, "published"),
        language=fields.language(feed.get("language")),
        icon=fields.first_url(pictures, base),
        rights=_line(feed, "rights", page),
        authors=_authors(feed, page) or _owner(feed, page),
        wishes=read_wishes(feed),
    )


def _said_of_podcast(feed: _Fields, page: Page) -> str:
    texts = (page.own(feed.get(name)) for name in ("itunes_summary", "itunes_subtitle"))
    return next((line for text in texts if (line := fields.text_of_html(text))), "")


def _owner(feed: _Fields, page: Page) -> tuple[Person, ...]:
    """Of a podcast that names no author."""
    owner = feed.get("publisher_detail")
    if not isinstance(owner, dict):
        return ()
    name, email = page.own(owner.get("name")), page.own(owner.get("email"))
    return fields.people([fields.person(name, email, None, page.url)])


def read_dates(feed: _Fields) -> frozenset[datetime]:
    """When the document says that it was published and built."""
    return frozenset(filter(None, (_time(feed, "updated"), _time(feed, "published"))))


def read_entry(entry: _Fields, page: Page) -> ReadEntry:
    """The entry; one that defies reading keeps what identifies it, and harms no other."""
    entry = fields.plain(entry)
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
    origin = _origin(entry, page)
    html, text = ("", "") if main is None else _as_html(main, link, origin, page)
    names = _categories(entry, page)
    image = fields.first_url(read_images(entry), base)
    own_summary = "" if summary is None else _as_text(summary)
    content = Content(
        title=_line(entry, "title", page),
        link=link,
        authors=_authors(entry, page) or _inherited_authors(entry, page),
        language=_language(entry, main, page),
        summary=own_summary if own_summary != text else "",
        content_html=html,
        text=text,
        categories=names,
        enclosures=read_enclosures(entry, base, html=html, image=image),
        image=image,
        contributors=_people(entry, "contributors", page),
        terms=fields.terms(_terms(entry, page), names),
        comments=fields.first_url(_comments(entry), base),
        origin=origin,
    )
    return ReadEntry(
        guid=fields.guid(page.own(entry.get("id"))),
        link_as_written=fields.guid(written),
        published=_time(entry, "published") or _time(entry, "created"),
        updated=_time(entry, "updated"),
        content=content,
        taken_from=_taken_from(entry, base),
    )


def _categories(entry: _Fields, page: Page) -> tuple[str, ...]:
    return fields.categories(
        page.own(tag.get("label") or tag.get("term")) for tag in fields.dicts(entry.get("tags"))
    )


def _terms(entry: _Fields, page: Page) -> Iterator[Category | None]:
    for tag in fields.dicts(entry.get("tags")):
        if tag.get("scheme") or tag.get("label"):  # else it says no more than its name
            term, scheme, label = (page.own(tag.get(name)) for name in ("term", "scheme", "label"))
            yield fields.category(term, scheme, label)


def _comments(entry: _Fields) -> Iterator[object]:
    yield entry.get("comments")
    for link in fields.dicts(entry.get("links")):  # RFC 4685 §4
        if link.get("rel") == "replies" and link.get("type") in _HTML_TYPES:
            yield link.get("href")


def _taken_from(entry: _Fields, base: str) -> tuple[str, ...]:
    """Where RFC 4287 §4.2.11 or the RSS element says that the entry was first."""
    source = entry.get("source")
    if not isinstance(source, dict):
        return ()
    links = hrefs([source, *fields.dicts(source.get("links"))])
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
    for name in ("itunes_summary", "media_description", "itunes_subtitle"):
        if name == "itunes_subtitle" and (contents or summaries):
            continue
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


def _as_html(
    detail: _Fields, link: str | None, origin: Origin | None, page: Page
) -> tuple[str, str]:
    value, kind = detail["value"], detail["type"]
    if kind == "application/xhtml+xml":
        value = value.replace("</br>", "")  # feedparser's <br></br> is two breaks in HTML
    base = fields.first_url([detail.get("base")], page.url) or page.url
    if base == page.url:  # no xml:base
        homes = [page.info.link, *([origin.link, origin.url] if origin else [])]
        base = fields.content_base(link, homes, page.url)
    return fields.body(
        value, base, is_html=kind in _HTML_TYPES, players=page.players, clean=page.clean
    )


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
    return _people(owner, "authors", page)


def _people(owner: _Fields, name: str, page: Page) -> tuple[Person, ...]:
    found = fields.dicts(owner.get(name))
    if not found:
        return ()
    base = _base(owner, page)
    return fields.people(
        fields.person(page.own(one.get("name")), page.own(one.get("email")), one.get("href"), base)
        for one in found
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


def _origin(entry: _Fields, page: Page) -> Origin | None:
    """The feed that the entry was taken from (atom:source, RSS source), unless it is this one."""
    source = entry.get("source")
    if not isinstance(source, dict):
        return None
    links = fields.dicts(source.get("links"))
    feeds = [link.get("href") for link in links if link.get("rel") == "self"]
    origin = fields.origin(
        title=_line(source, "title", page),
        id=page.own(source.get("id")),
        link=_link(source, page)[1],
        url=fields.first_url([*feeds, source.get("href")], page.url),
        rights=_line(source, "rights", page),
    )
    return None if origin is None or _is_ours(origin, page) else origin


def _is_ours(origin: Origin, page: Page) -> bool:
    """Many RSS feeds name themselves, and often by another address than the one we have."""
    if origin.id and page.info.id:
        return origin.id == page.info.id
    if origin.url:
        homes = [page.url, *([page.info.link] if page.info.link else [])]
        named_alike = origin.title in {"", page.info.title}
        at_home = any(fields.same_site(origin.url, home) for home in homes)
        return _bare(origin.url) == _bare(page.url) or (named_alike and at_home)
    return bool(origin.link and page.info.link) and _bare(origin.link) == _bare(page.info.link)


def _bare(url: str | None) -> str:
    return (url or "").partition("://")[2].removeprefix("www.").rstrip("/")


def _time(owner: _Fields, key: str) -> datetime | None:
    # `in` first: feedparser answers for a missing `updated` with the published one.
    written = owner[key] if key in owner else None  # noqa: SIM401 .get() does just that
    if written is None:
        return None
    if isinstance(written, str) and not is_plain(written):
        own = read_date(written)
        if own or written.isdecimal():
            return own
    parsed = owner.get(f"{key}_parsed")
    try:
        year, month, day, hour, minute, second = parsed[:6]  # type: ignore[index] # see below
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):  # none, an element of that name, no such day
        return None
