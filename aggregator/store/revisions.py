"""The count of changes to what is shown; its row is also the lock on stories.

Whoever changes entries or stories takes the row first and keeps it until commit. That makes the
choices by which entries join stories and leads are found exact, on PostgreSQL as on SQLite,
and a revision number stands for one state. Polls that read no document do not come here.
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from aggregator.service.ports import Revision
from aggregator.store.engine import MOVED
from aggregator.store.postgresql import CHANNEL
from aggregator.store.quick import fetch, run
from aggregator.store.schema import revision

UPCOMING = select(revision.c.number + 1).scalar_subquery()
"""The revision that this transaction makes: whoever writes it has to `bump`."""


_LOCK = select(revision.c.number).with_for_update()
_BUMP = update(revision).values(number=revision.c.number + 1, changed_at=bindparam("at"))

# Sent at commit, and once however often it is said. PostgreSQL commits one at a time of those that
# tell something; who tells this holds the revision's row until then, so that nobody waits longer.
_BUMP_AND_TELL = _BUMP.returning(func.pg_notify(CHANNEL, ""))

_STORIES = select(revision.c.stories)
_CURRENT = select(revision.c.number, revision.c.changed_at)

_TELL = update(revision).values(told_in=revision.c.number + 1)
_COUNT = update(revision).values(stories=revision.c.stories + bindparam("more"))


def lock_stories(connection: Connection) -> None:
    fetch(connection, _LOCK)


def bump(connection: Connection, at: datetime) -> None:
    told = connection.dialect.name == "postgresql"
    run(connection, _BUMP_AND_TELL if told else _BUMP, [{"at": at}])
    connection.info[MOVED] = True


def tell_otherwise(connection: Connection) -> None:
    """What is told of some source changes with the upcoming revision, and no new entry of it does.

    So does where a source was told of last, in a story that it has no entry of any more.
    """
    run(connection, _TELL, [{}])


def count_more(connection: Connection, number: int) -> None:
    """So many stories came, or went where it is negative."""
    if number:
        run(connection, _COUNT, [{"more": number}])


def counted(connection: Connection) -> int:
    """All stories."""
    ((count,),) = fetch(connection, _STORIES)
    return int(count)


def current(connection: Connection) -> Revision:
    (row,) = fetch(connection, _CURRENT)
    return Revision(number=row.number, changed_at=row.changed_at)
