"""Publications as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

import json
from collections.abc import Sequence
from typing import Any

from aggregator.core.joined import Frame, Joined, Piece, Run, piece
from aggregator.core.model import Enclosure, Origin, Person
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from aggregator.formats.entry_json import rfc3339
from aggregator.formats.fitting import fit_address, fit_language, fit_line
from aggregator.formats.item import Item
from aggregator.formats.written import build_each

_Object = dict[str, Any]


def compose_json_feed(channel: Channel, runs: Sequence[Run]) -> Joined:
    """A document with these items."""
    head = _encoded(_head(channel)).removesuffix(b"}")
    return Joined(Frame(head=head + b',"items":[', tail=b"]}\n", between=b","), runs)


def json_pieces(entries: Sequence[Shown], _: str | None) -> list[Piece | None]:
    """The entries, as they stand in documents of any language."""
    built = build_each(entries, lambda item: _encoded(_item(item)))
    return [None if each is None else piece(*each) for each in built]


def _encoded(value: _Object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _present(facts: _Object) -> _Object:
    return {name: fact for name, fact in facts.items() if fact}


def _head(channel: Channel) -> _Object:
    author, hub = fit_line(channel.author), fit_address(channel.hub)
    facts = {
        "home_page_url": channel.page_url,
        # The feed's own name, also in its older documents; `next_url` is never it.
        "feed_url": channel.links.current or channel.self_url,
        "next_url": channel.links.onwards,
        "description": fit_line(channel.subtitle),
        "icon": fit_address(channel.icon),
        "favicon": fit_address(channel.icon),
        "authors": [{"name": author}] if author else [],
        "language": fit_language(channel.language),
        "hubs": [{"type": "WebSub", "url": hub}] if hub else [],
    }
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": fit_line(channel.title) or channel.page_url,
    } | _present(facts)


def _item(item: Item) -> _Object:
    # An item without any content is none (the specification, "content_html and content_text").
    content = (
        {"content_html": item.html} if item.html else {"content_text": item.summary or item.heading}
    )
    facts = {
        "url": item.link,
        "title": item.title,
        **content,
        "summary": item.summary,
        "image": item.image,
        "date_published": rfc3339(item.published),
        "date_modified": rfc3339(item.updated),
        "authors": [_author(author) for author in item.authors],
        "tags": [category.name for category in item.categories],
        "language": item.language,
        "attachments": [_attachment(enclosure) for enclosure in item.enclosures],
    }
    origin = {"source": item.source.key, "also_in": [source.key for source in item.also_in]}
    return (
        {"id": item.id}
        | _present(facts | {"_source": _source(item.origin)})
        | {"_aggregator": origin}
    )


def _source(origin: Origin | None) -> _Object:
    """The feed to attribute it to, where that is not the source that we poll."""
    if origin is None:
        return {}
    facts = {
        "id": origin.id,
        "title": origin.title,
        "feed_url": origin.url,
        "home_page_url": origin.link,
    }
    return _present(facts)


def _author(person: Person) -> _Object:
    return _present({"name": person.name, "url": person.uri})


def _attachment(enclosure: Enclosure) -> _Object:
    facts = {
        "url": enclosure.url,
        "mime_type": enclosure.type,
        "size_in_bytes": enclosure.length,
        "duration_in_seconds": enclosure.duration,
    }
    return _present(facts)
