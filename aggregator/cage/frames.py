"""What passes between us and a reading process: frames of a length and a payload, never pickles.

request  {"content_type": …, "url": …, "players": …, what is known}, then the body, each a frame;
         or the body without its known items, with "runs" of them
reply    "F" and the feed as JSON, or "E" and why there is none; of a large feed its first entries
         before, in frames of "P" and a list of them; "W" where the whole body is wanted

A reading process imports what it needs and nothing else, since each start pays for it: `answers`
checks what it sends.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from struct import Struct
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from aggregator.core.model import ReadEntry, ReadFeed
from aggregator.formats.known_slices import Rest

if TYPE_CHECKING:
    from aggregator.service.ports import Document

LENGTH = Struct(">I")

LARGEST_REPLY = 64 * 1024 * 1024
"""Bytes, of all its frames; a larger one is no feed that anybody wrote."""

_PART_BYTES = 256 * 1024
"""Checking so much of a reply takes about a millisecond of our event loop."""

READY = b"R"
"""The payload of the first frame of a reading process: it is confined and waits for requests."""

WHOLE = b"W"
"""The reply to a body without its known items that tells nothing without them."""

_FEED, _PART, _ERROR, _LAST_ERROR = b"F", b"P", b"E", b"L"


def framed(payloads: Iterable[bytes]) -> Iterator[bytes]:
    """What is written of these payloads, one after the other."""
    for payload in payloads:
        yield LENGTH.pack(len(payload))
        yield payload


def request(document: "Document") -> tuple[bytes, bytes]:
    """The payloads of one request. The body is one by itself, so that nobody has to copy it."""
    known = [digest for digest, _, _ in document.known_items]
    return json.dumps(_facts(document) | {"known_items": known}).encode(), document.body


def request_for_rest(document: "Document", rest: Rest) -> tuple[bytes, bytes]:
    return json.dumps(_facts(document) | {"runs": rest.runs}).encode(), rest.document


def _facts(document: "Document") -> dict[str, Any]:
    return {
        "content_type": document.content_type,
        "url": document.url,
        "players": document.players,
        "known_head": document.known_head,
    }


def wanted(payload: bytes) -> dict[str, Any]:
    """What `read_feed` is to know of a request, beside the body; or `read_rest` with its runs."""
    facts: dict[str, Any] = json.loads(payload)
    if "known_items" in facts:
        facts["known_items"] = frozenset(facts["known_items"])
    return facts


def replies(feed: ReadFeed) -> tuple[bytes, ...]:
    """The payloads of one reply, in order."""
    whole = _FEED + to_json(feed)
    if len(whole) <= _PART_BYTES:
        return (whole,)
    if len(whole) > LARGEST_REPLY:
        return (refusal(f"a feed of more than {LARGEST_REPLY >> 20} MB once read"),)
    return (*_parts(feed.entries), _FEED + to_json(replace(feed, entries=())))


def _parts(entries: tuple[ReadEntry, ...]) -> Iterator[bytes]:
    gathered: list[bytes] = []
    size = 0
    for entry in entries:
        gathered.append(to_json(entry))
        size += len(gathered[-1])
        if size >= _PART_BYTES:
            yield _PART + b"[%b]" % b",".join(gathered)
            gathered, size = [], 0
    yield _PART + b"[%b]" % b",".join(gathered)


def refusal(reason: str, *, last: bool = False) -> bytes:
    return (_LAST_ERROR if last else _ERROR) + reason.encode("utf-8", "replace")


def is_last(payload: bytes) -> bool:
    """True for a reply after which the process reads nothing more."""
    return payload.startswith(_LAST_ERROR)


def wants_whole(payload: bytes) -> bool:
    return payload == WHOLE


def is_part(payload: bytes) -> bool:
    return payload.startswith(_PART)


def is_refusal(payload: bytes) -> bool:
    return payload.startswith((_ERROR, _LAST_ERROR))
