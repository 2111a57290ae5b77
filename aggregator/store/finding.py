"""What is stored under a text that somebody has: an id, a guid, a link, or a part of one."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, or_, select, true

from aggregator.core.digest import digest
from aggregator.core.model import Story
from aggregator.core.urls import canonical_text
from aggregator.service.ports import Tombstone
from aggregator.store.reads import NEWEST_FIRST, STORY_COLUMNS, with_entries
from aggregator.store.schema import entries, sources, stories, tombstones
from aggregator.store.statements import chunks
from aggregator.store.takedowns import entries_taken_down


def find_stories(connection: Connection, text: str, *, limit: int) -> list[Story]:
    for condition in (_is(text), _has(text)):
        newest = select(*STORY_COLUMNS).where(condition).order_by(*NEWEST_FIRST).limit(limit)
        if page := connection.execute(newest).all():
            hidden = entries_taken_down(connection)
            return with_entries(connection, page, true(), hidden)
    return []


def _is(text: str) -> ColumnElement[bool]:
    its_own = [entries.c.guid == text, entries.c.link == text]
    if link := canonical_text(text):
        its_own.append(entries.c.link_digest == digest(link))
    return or_(
        stories.c.published_digest == digest(text),
        stories.c.id.in_(select(entries.c.story_id).where(or_(*its_own))),
    )


def _has(text: str) -> ColumnElement[bool]:
    part = (canonical_text(text) or text).removeprefix("http://")
    its_own = [
        column.icontains(each, autoescape=True)
        for column in (entries.c.guid, entries.c.link)
        for each in {text, part}
    ]
    return or_(
        stories.c.published_id.icontains(text, autoescape=True),
        stories.c.id.in_(select(entries.c.story_id).where(or_(*its_own))),
    )


def find_tombstones(connection: Connection, digests: Collection[bytes]) -> list[Tombstone]:
    found: list[Tombstone] = []
    for chunk in chunks(digests):
        rows = connection.execute(
            select(sources.c.key, tombstones.c.pruned_at)
            .join(sources, sources.c.id == tombstones.c.source_id)
            .where(tombstones.c.digest.in_(chunk), sources.c.listed)
        )
        found += [Tombstone(source=row.key, pruned_at=row.pruned_at) for row in rows]
    return sorted(found, key=lambda tombstone: tombstone.source)
