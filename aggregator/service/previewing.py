"""What a first poll of a feed would store, without storing it."""

from collections.abc import Sequence
from datetime import datetime

from aggregator.core.excerpt import excerpt
from aggregator.core.knowledge import Knowledge
from aggregator.core.model import NewEntry, PublishedEntry, PublishedSource, ReadFeed
from aggregator.core.normalize import normalize
from aggregator.core.publication import Site
from aggregator.core.reconcile import Intake, reconcile
from aggregator.core.shown import Shown
from aggregator.core.stories import published_id

_NOTHING = Knowledge(by_digest={}, by_link={}, tombstones=frozenset())


def previewed(
    feed: ReadFeed,
    source: PublishedSource,
    *,
    intake: Intake,
    language: str | None,
    site: Site,
    now: datetime,
) -> list[Shown]:
    """The entries, newest first, as they would be published were there no other source.

    `language` is what the configuration knows better than the source; `site` says how long an
    excerpt is.
    """
    changes = reconcile(
        normalize(feed.entries, language=language), _NOTHING, intake, first=True, now=now
    )
    ids = _ids(source.key, changes.new)
    entries = [_published(item, source, id) for item, id in zip(changes.new, ids, strict=True)]
    return [_shown(entry, site) for entry in reversed(entries)]


def _ids(key: str, items: Sequence[NewEntry]) -> list[str]:
    """As the store gives them: a guid that several entries share stands for the first."""
    ids: list[str] = []
    for item in items:
        guid, identity = item.entry.guid, item.entry.digest.hex()
        wishes = (
            published_id(key, guid),
            published_id(key, guid, taken=True),
            published_id(key, f"{guid}\n{identity}", taken=True),
        )
        ids.append(next(wish for wish in wishes if wish not in ids))
    return ids


def _published(item: NewEntry, source: PublishedSource, id: str) -> PublishedEntry:
    return PublishedEntry(
        id=id,
        guid=item.entry.guid,
        source=source,
        published=item.published,
        updated=item.updated,
        first_seen=item.first_seen,
        changed_at=item.first_seen,
        content=item.entry.content,
    )


def _shown(entry: PublishedEntry, site: Site) -> Shown:
    content = entry.content
    return Shown(
        entry=entry,
        excerpt=excerpt(
            content.text or content.summary,
            language=content.language,
            length=site.excerpt_length,
            placeholders=site.code_placeholders,
        ),
    )
