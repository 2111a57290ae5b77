"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/) as a `ReadFeed`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import Content, FeedInfo, Origin, Person, ReadEntry, ReadFeed
from aggregator.core.offers import Links, links_from
from aggregator.formats import reading_fields as fields
from aggregator.formats.dates import read_date
from aggregator.formats.html import unchanged

_Object = dict[str, Any]
_AsBody = Callable[..., tuple[str, str]]
"""`fields.body` with what the source's policy says."""


def read_json_feed(
    body: bytes,
    *,
    url: str,
    players: bool = False,
    clean: Callable[[str], str] = unchanged,
) -> ReadFeed:
    """The feed in `body`, found at `url`. Raises UnreadableFeed when it is no JSON Feed."""
    document = _load(body)
    info = _info(document, url)
    as_body = partial(fields.body, players=players, clean=clean)
    items = fields.dicts(document["items"])[: fields.MOST_ENTRIES]
    return ReadFeed(
        format="json1",
        info=info,
        entries=tuple(_entry(item, info, url, as_body) for item in items),
        links=_links(document, url),
    )


def _load(body: bytes) -> _Object:
    try:
        # Numbers stay as they are written: an id must not change, and no size is too large.
        # Not strict: a tab or a line end in a text costs no feed.
        document = json.loads(
            body, parse_int=str, parse_float=str, parse_constant=str, strict=False
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableFeed("broken JSON, not a feed") from error
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise UnreadableFeed("a JSON document without items, not a JSON Feed")
    return document


def _info(document: _Object, url: str) -> FeedInfo:
    return FeedInfo(
        title=fields.text(document.get("title")),
        subtitle=fields.text(document.get("description")),
        link=fields.first_url([document.get("home_page_url")], url),
        language=fields.language(document.get("language")),
        icon=fields.first_url([document.get("icon"), document.get("favicon")], url),
        authors=_authors(document, url),
    )


def _links(document: _Object, url: str) -> Links:
    """`hubs` speak several protocols; for those of WebSub the topic is `feed_url`."""
    hubs = [
        hub["url"]
        for hub in fields.dicts(document.get("hubs"))
        if _string(hub.get("type")).lower() == "websub" and _string(hub.get("url"))
    ]
    return links_from(hubs, _string(document.get("feed_url")), url)


def _entry(item: _Object, feed: FeedInfo, url: str, as_body: _AsBody) -> ReadEntry:
    links = [item.get("url"), item.get("external_url")]
    written = next((link for link in links if isinstance(link, str) and link.strip()), None)
    link = fields.first_url(links, url)
    origin = _origin(item.get("_source"), url)
    homes = [feed.link, *([origin.link, origin.url] if origin else [])]
    html, text = _body(item, fields.content_base(link, homes, url), as_body)
    summary = fields.text(item.get("summary"), fields.LONGEST_SUMMARY)
    content = Content(
        title=fields.text(item.get("title")),
        link=link,
        authors=_authors(item, url) or feed.authors,
        language=fields.language(item.get("language"), feed.language),
        summary=summary if _has_body(item) and summary != text else "",
        content_html=html,
        text=text,
        categories=fields.categories(_list(item.get("tags"))),
        enclosures=fields.enclosures(
            fields.enclosure(
                file.get("url"),
                file.get("mime_type"),
                file.get("size_in_bytes"),
                url,
                file.get("duration_in_seconds"),
            )
            for file in fields.dicts(item.get("attachments"))
        ),
        image=fields.first_url([item.get("image"), item.get("banner_image")], url),
        origin=origin,
    )
    return ReadEntry(
        guid=fields.guid(item.get("id")),
        link_as_written=fields.guid(written),
        published=_time(item.get("date_published")),
        updated=_time(item.get("date_modified")),
        content=content,
    )


def _origin(source: object, url: str) -> Origin | None:
    """As our own JSON Feed has it; no standard does."""
    if not isinstance(source, dict):
        return None
    return fields.origin(
        title=fields.text(source.get("title")),
        id=source.get("id"),
        link=fields.first_url([source.get("home_page_url")], url),
        url=fields.first_url([source.get("feed_url")], url),
        rights="",
    )


def _has_body(item: _Object) -> bool:
    return bool(_string(item.get("content_html")) or _string(item.get("content_text")))


def _body(item: _Object, base: str, as_body: _AsBody) -> tuple[str, str]:
    """content_html, else content_text, else the summary, as HTML and as text."""
    if html := _string(item.get("content_html")):
        return as_body(html, base, is_html=True)
    plain = _string(item.get("content_text")) or _string(item.get("summary"))
    return as_body(plain, base, is_html=False) if plain else ("", "")


def _authors(owner: _Object, base: str) -> tuple[Person, ...]:
    """`authors` of 1.1, else the single `author` of 1.0."""
    found = fields.dicts(owner.get("authors")) or fields.dicts([owner.get("author")])
    return fields.people(
        fields.person(one.get("name"), None, one.get("url"), base) for one in found
    )


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except ValueError:
        return read_date(value)
    except OverflowError:
        return None


def _string(value: object) -> str:
    return value if isinstance(value, str) and value.strip() else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
