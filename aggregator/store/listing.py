"""Makes the sources of the database those of the configuration."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from aggregator.service.ports import SourceSpec
from aggregator.store.mapping import AnyRow, Columns
from aggregator.store.place import DomainOf, place_columns
from aggregator.store.pushes import sources_changed, withdraw_offers
from aggregator.store.revisions import UPCOMING, bump, lock_stories, tell_otherwise
from aggregator.store.schema import entries, sources, stories
from aggregator.store.stories import choose_again

_COMPARED = (
    sources.c.id,
    sources.c.key,
    sources.c.url,
    sources.c.name,
    sources.c.host,
    sources.c.domain,
    sources.c.listed,
    sources.c.enabled,
    sources.c.priority,
    sources.c.moved_to,
)


def sync_sources(
    connection: Connection, specs: Sequence[SourceSpec], domain_of: DomainOf, *, now: datetime
) -> None:
    lock_stories(connection)
    stored = connection.execute(select(*_COMPARED).order_by(sources.c.id)).all()
    present = {row.key: row for row in stored}
    wanted = {spec.key: spec for spec in specs}
    added = [_new_row(spec, domain_of, now) for key, spec in wanted.items() if key not in present]
    if added:
        connection.execute(insert(sources), added)
    changed = [
        (row, change)
        for row in stored
        if (change := _change(row, wanted.get(row.key), domain_of, now))
    ]
    for row, change in changed:  # few: a person edited them
        connection.execute(update(sources).where(sources.c.id == row.id).values(change))
    sources_changed(connection, [row.id for row, _ in changed])
    withdraw_offers(connection, [row.id for row, change in changed if "ever_read" in change])
    _mark_stories(connection, [row.id for row, change in changed if "listed" in change], now)
    for row, change in changed:
        if "priority" in change:
            choose_again(connection, row.id, now)
    if changed:
        tell_otherwise(connection)
    if added or changed:
        bump(connection, now)


_UNREAD: Columns = {
    "ever_read": False,
    # An answer that nothing has changed would not bring the document that says where the past ends.
    "etag": None,
    "last_modified": None,
    "body_digest": None,
}


def _new_row(spec: SourceSpec, domain_of: DomainOf, now: datetime) -> Columns:
    return {
        "key": spec.key,
        "name": spec.name,
        "listed": True,
        "enabled": spec.enabled,
        "priority": spec.priority,
        "poll_count": 0,
        "info": {},
        **_fresh_start(spec.url, domain_of, now),
    }


def _fresh_start(url: str, domain_of: DomainOf, now: datetime) -> Columns:
    """Another address is another server: nothing that the old one said holds.

    A poll of the old address that is still under way loses its lease, too.
    """
    return {
        "url": url,
        **place_columns(url, domain_of),
        **_UNREAD,  # its past is no news
        "failures": 0,
        "gone_count": 0,
        "throttles": 0,
        "paused_until": None,
        "domain_paused_until": None,
        "not_before": None,
        "last_error": None,
        "moved_to": None,
        "moving_to": None,
        "moving_since": None,
        "suggested_url": None,
        "next_poll_at": now,
        "next_poll_reason": "new address",
        "lease_token": None,
        "lease_until": None,
    }


def _change(row: AnyRow, spec: SourceSpec | None, domain_of: DomainOf, now: datetime) -> Columns:
    """The columns that differ from the configuration."""
    if spec is None:
        return {"listed": False} if row.listed else {}
    wanted = {
        "listed": True,
        "name": spec.name,
        "enabled": spec.enabled,
        "priority": spec.priority,
        **place_columns(row.moved_to or row.url, domain_of),  # lists of domains change, too
    }
    change = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if "listed" in change:  # what was published while it was away is no news
        change |= _UNREAD
    if row.url == spec.url:
        return change
    if row.moved_to == spec.url:  # the operator wrote down where we poll it already
        return change | {"url": spec.url, "moved_to": None}
    return change | _fresh_start(spec.url, domain_of, now)


def _mark_stories(connection: Connection, source_ids: Iterable[int], now: datetime) -> None:
    """Stories show other sources than before when one of theirs comes or goes."""
    for source_id in source_ids:
        theirs = select(entries.c.story_id).where(entries.c.source_id == source_id)
        connection.execute(
            update(stories)
            .where(stories.c.id.in_(theirs))
            .values(changed_at=now, changed_in=UPCOMING)
        )
