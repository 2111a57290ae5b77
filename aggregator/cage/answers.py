"""What a reading process sent, checked: whatever a document made of it, these are our values."""

from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from aggregator.cage.frames import is_refusal, wants_whole
from aggregator.core.errors import UnreadableFeed
from aggregator.core.model import ReadEntry, ReadFeed, Sketch

_feeds = TypeAdapter(ReadFeed)
_entries = TypeAdapter(tuple[ReadEntry, ...])

_WRONG = "a feed whose values are not what they should be"


class WholeWanted(Exception):  # a wish
    """Nothing can be said of a document without its known items."""


def entries_of(payload: bytes) -> tuple[ReadEntry, ...]:
    """Those of a part. Raises UnreadableFeed when there are none."""
    try:
        return _entries.validate_json(payload[1:])
    except ValidationError as error:
        raise UnreadableFeed(_WRONG) from error


def feed_of(payload: bytes) -> ReadFeed:
    """The feed of a reply. Raises UnreadableFeed when it holds none, or WholeWanted."""
    content = payload[1:]
    if wants_whole(payload):
        raise WholeWanted
    if is_refusal(payload):
        raise UnreadableFeed(content.decode("utf-8", "replace"))
    try:
        return _feeds.validate_json(content)
    except ValidationError as error:
        raise UnreadableFeed(_WRONG) from error


def with_resting(feed: ReadFeed, resting: tuple[Sketch, ...]) -> ReadFeed:
    """What was read of a document without these items, which are known."""
    sliced = replace(feed.sliced, resting=resting) if feed.sliced else None
    return replace(feed, sliced=sliced)
