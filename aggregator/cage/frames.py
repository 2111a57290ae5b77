"""What passes between us and a reading process: frames of a length and a payload, never pickles.

request  {"content_type": …, "url": …, "players": …, what is known} LF body
reply    "F" and the feed as JSON, or "E" and why there is none
"""

import json
from struct import Struct

from pydantic import TypeAdapter, ValidationError

from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import ReadFeed
from aggregator.service.ports import Document

LENGTH = Struct(">I")

LARGEST_REPLY = 64 * 1024 * 1024
"""Bytes; checking a larger one would keep our event loop from its work."""

READY = b"R"
"""The payload of the first frame of a reading process: it is confined and waits for requests."""

_FEED, _ERROR, _LAST_ERROR = b"F", b"E", b"L"

_feeds = TypeAdapter(ReadFeed)


def frame(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


def request(document: Document) -> bytes:
    facts = {
        "content_type": document.content_type,
        "url": document.url,
        "players": document.players,
        "known_head": document.known_head,
        "known_items": document.known_items,
    }
    head = json.dumps(facts)
    return b"%b\n%b" % (head.encode(), document.body)


def document_of(payload: bytes) -> Document:
    head, _, body = payload.partition(b"\n")
    fields = json.loads(head)
    return Document(body=body, **fields)


def reply(feed: ReadFeed) -> bytes:
    payload = _FEED + _feeds.dump_json(feed)
    if len(payload) > LARGEST_REPLY:
        return refusal(f"a feed of more than {LARGEST_REPLY >> 20} MB once read")
    return payload


def refusal(reason: str, *, last: bool = False) -> bytes:
    return (_LAST_ERROR if last else _ERROR) + reason.encode("utf-8", "replace")


def is_last(payload: bytes) -> bool:
    """True for a reply after which the process reads nothing more."""
    return payload.startswith(_LAST_ERROR)


def feed_of(payload: bytes) -> ReadFeed:
    """The feed of a reply. Raises UnreadableFeed when it holds none."""
    kind, content = payload[:1], payload[1:]
    if kind in {_ERROR, _LAST_ERROR}:
        raise UnreadableFeed(content.decode("utf-8", "replace"))
    try:
        return _feeds.validate_json(content)
    except ValidationError as error:
        raise UnreadableFeed("a feed whose values are not what they should be") from error
