"""Makes the sources of the database those of the configuration."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.core.urls import host_of
from aggregator.service.ports import SourceSpec
from aggregator.store.mapping import AnyRow, Columns
from aggregator.store.revisions import bump, lock_stories
from aggregator.store.schema import entries, sources, stories


async def sync_sources(
    connection: AsyncConnection, specs: Sequence[SourceSpec], *, now: datetime
) -> None:
    await lock_stories(connection)
    stored = (await connection.execute(select(sources).order_by(sources.c.id))).all()
    present = {row.key: row for row in stored}
    wanted = {spec.key: spec for spec in specs}
    added = [_new_row(spec, now) for key, spec in wanted.items() if key not in present]
    if added:
        await connection.execute(insert(sources), added)
    changed = [
        (row, change) for row in stored if (change := _change(row, wanted.get(row.key), now))
    ]
    for row, change in changed:  # few: a person edited them
        await connection.execute(update(sources).where(sources.c.id == row.id).values(change))
    await _mark_stories(connection, [row.id for row, change in changed if "listed" in change], now)
    if added or changed:
        await bump(connection, now)


def _new_row(spec: SourceSpec, now: datetime) -> Columns:
    return {
        "key": spec.key,
        "name": spec.name,
        "listed": True,
        "enabled": spec.enabled,
        "info": {},
        **_fresh_start(spec.url, now),
    }


def _fresh_start(url: str, now: datetime) -> Columns:
    """Another address is another server: nothing that the old one said holds.

    A poll of the old address that is still under way loses its lease, too.
    """
    return {
        "url": url,
        "host": host_of(url),
        "ever_read": False,  # its past is no news
        "etag": None,
        "last_modified": None,
        "body_digest": None,
        "failures": 0,
        "gone_count": 0,
        "paused_until": None,
        "last_error": None,
        "next_poll_at": now,
        "next_poll_reason": "new address",
        "lease_token": None,
        "lease_until": None,
    }


def _change(row: AnyRow, spec: SourceSpec | None, now: datetime) -> Columns:
    """The columns that differ from the configuration."""
    if spec is None:
        return {"listed": False} if row.listed else {}
    wanted = {"listed": True, "name": spec.name, "enabled": spec.enabled}
    change = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if "listed" in change:  # what was published while it was away is no news
        change["ever_read"] = False
    return change if row.url == spec.url else change | _fresh_start(spec.url, now)


async def _mark_stories(
    connection: AsyncConnection, source_ids: Iterable[int], now: datetime
) -> None:
    """Stories show other sources than before when one of theirs comes or goes."""
    for source_id in source_ids:
        theirs = select(entries.c.story_id).where(entries.c.source_id == source_id)
        await connection.execute(
            update(stories).where(stories.c.id.in_(theirs)).values(changed_at=now)
        )
