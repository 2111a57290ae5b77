"""Stories in the order of their changes: what is new or other since a place in it.

The order is that of the revisions, since a wall clock may be set back. The lock on stories makes
one revision at a time, so that none becomes visible after a later one.
"""

from datetime import datetime

from sqlalchemy import Connection, func, select, true, tuple_

from aggregator.core.positions import ChangedStory, Step
from aggregator.store.reads import STORY_COLUMNS, with_entries
from aggregator.store.revisions import current
from aggregator.store.schema import stories
from aggregator.store.takedowns import entries_taken_down

_STEP = (stories.c.changed_in, stories.c.id)


def changed_stories(connection: Connection, after: Step, *, limit: int) -> list[ChangedStory]:
    oldest_first = (
        select(*STORY_COLUMNS, stories.c.opened_in, stories.c.changed_in)
        .where(tuple_(*_STEP) > (after.revision, after.number))
        .order_by(*_STEP)
        .limit(limit)
    )
    rows = connection.execute(oldest_first).all()
    hidden = entries_taken_down(connection)
    whole = with_entries(connection, rows, true(), hidden)
    return [
        ChangedStory(
            story=story,
            opened=Step(row.opened_in, row.id),
            changed=Step(row.changed_in, row.id),
        )
        for row, story in zip(rows, whole, strict=True)
    ]


def count_changes(connection: Connection, after: Step, *, most: int) -> int:
    some = select(stories.c.id).where(tuple_(*_STEP) > (after.revision, after.number)).limit(most)
    return connection.scalar(select(func.count()).select_from(some.subquery())) or 0


def first_change(connection: Connection, since: datetime) -> Step:
    first = select(func.min(stories.c.changed_in)).where(stories.c.changed_at >= since)
    revision = connection.scalar(first)
    return (current(connection)).end if revision is None else Step(revision, 0)
