"""Short ways to say a value."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aggregator.core.model import (
    Content,
    Entry,
    FeedInfo,
    KnownEntry,
    PublishedEntry,
    PublishedSource,
    ReadEntry,
    ReadFeed,
    Story,
    StoryEntry,
)
from aggregator.core.normalize import normalize

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def ago(**span: float) -> datetime:
    """A moment before NOON: `ago(days=2)`."""
    return NOON - timedelta(**span)


def read_entry(name: str = "1", **changes) -> ReadEntry:
    """An entry as a document has it; `changes` go to it or to its content."""
    content: dict[str, Any] = {
        "title": f"Title {name}",
        "link": f"https://a.example/{name}",
        "content_html": f"<p>Text {name}</p>",
        "text": f"Text {name}",
    }
    own: dict[str, Any] = {
        "guid": f"guid-{name}",
        "published": None,
        "updated": None,
        "link_as_written": None,
    }
    for field, value in changes.items():
        (own if field in own else content)[field] = value
    own["link_as_written"] = own["link_as_written"] or content["link"]
    return ReadEntry(content=Content(**content), **own)


def entry(name: str = "1", **changes) -> Entry:
    return normalize([read_entry(name, **changes)])[0]


def known(of: Entry, id: int = 1, **changes) -> KnownEntry:
    """What the store knows of an entry that it took in an hour before NOON."""
    facts = {
        "digest": of.digest,
        "link_digest": of.link_digest,
        "fingerprint": of.fingerprint,
        "published": of.published or ago(hours=1),
        "updated": of.updated or of.published or ago(hours=1),
        "first_seen": ago(hours=1),
    }
    return KnownEntry(id=id, **{**facts, **changes})


def read_feed(*entries: ReadEntry, title: str = "A feed") -> ReadFeed:
    return ReadFeed(format="rss20", info=FeedInfo(title=title), entries=entries)


def published(name: str = "1", *, source: str = "a", **changes) -> PublishedEntry:
    facts = {
        "id": f"https://a.example/{name}",
        "guid": f"guid-{name}",
        "source": PublishedSource(
            key=source, name=source.upper(), url=f"https://{source}.example/feed"
        ),
        "published": ago(hours=2),
        "updated": ago(hours=2),
        "first_seen": ago(hours=1),
        "changed_at": ago(hours=1),
        "content": read_entry(name).content,
    }
    return PublishedEntry(**{**facts, **changes})


def story_entry(name: str = "1", *, source: str = "a", **changes) -> StoryEntry:
    """An entry as it is stored; `changes` go to it or to its content."""
    own: dict[str, Any] = {
        "guid": f"guid-{name}",
        "published": ago(hours=2),
        "updated": ago(hours=2),
        "first_seen": ago(hours=1),
        "listed": True,
    }
    own |= {field: changes.pop(field) for field in list(changes) if field in own}
    return StoryEntry(
        source=PublishedSource(
            key=source, name=source.upper(), url=f"https://{source}.example/feed"
        ),
        content=read_entry(name, **changes).content,
        **own,
    )


def whole_story(*entries: StoryEntry, rank_at: datetime | None = None) -> Story:
    """The first of the entries leads."""
    return Story(
        id=f"id of {entries[0].guid}",
        rank_at=rank_at or ago(hours=1),
        changed_at=ago(hours=1),
        entries=entries,
    )
