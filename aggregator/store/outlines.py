"""Stories without their texts, and what of some is shown: for who knows the others already."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    Select,
    Text,
    bindparam,
    select,
    type_coerce,
)

from aggregator.core.model import PublishedEntry
from aggregator.core.positions import Moved, Placed, Standing, Tally
from aggregator.core.shown import Attribution, attribution_of
from aggregator.service.ports import Selection
from aggregator.store.mapping import published_source_of
from aggregator.store.quick import fetch
from aggregator.store.reads import (
    NEWEST_FIRST,
    STORY_COLUMNS,
    all_are_shown,
    available,
    list_page,
    select_stories,
    show_page,
)
from aggregator.store.schema import entries, revision, sources, stories
from aggregator.store.statements import chunks

MOST_SOURCES = 20_000
"""Whose attributions are in memory: a hundred bytes each, and the text that each is of."""

EVERYTHING = Selection()

_RANK = type_coerce(stories.c.rank_at, BigInteger).label("rank_at")
_COLUMNS = (_RANK, stories.c.id, stories.c.changed_in)
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
# Put together once: that takes longer than to run them.
_PLACED = select(*_COLUMNS).where(stories.c.id.in_(_THESE))
_PAGE = (
    select(*_COLUMNS).order_by(*NEWEST_FIRST).limit(bindparam("most")).offset(bindparam("skipped"))
)
_TALLY = select(revision.c.number, revision.c.stories, revision.c.told_in)
_CHANGED = (
    select(*_COLUMNS, stories.c.opened_in)
    .where(stories.c.changed_in > bindparam("revision"))
    .order_by(stories.c.changed_in, stories.c.id)
    .limit(bindparam("most"))
)
_STORIES = select(*STORY_COLUMNS).where(stories.c.id.in_(_THESE))
_SAID = type_coerce(sources.c.info, Text).label("info")  # as it stands: most of it is known
_ATTRIBUTED = select(sources.c.key, sources.c.name, sources.c.url, _SAID)
_SOURCES = _ATTRIBUTED.where(sources.c.key.in_(_THESE))
# Whether they can be shown or not: what hides them may go in the same revision.
_SOURCES_OF = _ATTRIBUTED.where(
    sources.c.id.in_(select(entries.c.source_id).where(entries.c.story_id.in_(_THESE)))
)


def places(
    connection: Connection, selection: Selection, *, limit: int, offset: int
) -> list[Placed]:
    if selection == EVERYTHING and all_are_shown(connection):
        rows = fetch(connection, _PAGE, {"most": limit, "skipped": offset})
    else:
        rows = list_page(connection, selection, limit, offset, _COLUMNS)
    return list(map(Placed._make, rows))


def standing(connection: Connection, selection: Selection, *, limit: int) -> Standing:
    at, _ = _tally(connection)
    return Standing(at=at, places=places(connection, selection, limit=limit, offset=0))


def moved(connection: Connection, selection: Selection, since: Tally, *, most: int) -> Moved | None:
    at, told_in = _tally(connection)
    if at.revision < since.revision:  # another database in its place
        return None
    after = {"revision": since.revision, "most": most + 1}
    rows = fetch(connection, _CHANGED, after)
    opened = sum(row.opened_in > since.revision for row in rows)
    # What is deleted leaves no trace but this.
    if len(rows) > most or since.stories + opened != at.stories:
        return None
    changed = [Placed(*row[:3]) for row in rows]
    numbers = [each.number for each in changed]
    return Moved(
        at=at,
        changed=frozenset(numbers),
        places=_among(connection, selection, changed),
        told=None if told_in > since.revision else _told(connection, _SOURCES_OF, numbers),
    )


def _tally(connection: Connection) -> tuple[Tally, int]:
    """And when something was last told that no changed story tells of."""
    ((number, count, told_in),) = fetch(connection, _TALLY)
    return Tally(revision=number, stories=count), told_in


def _among(connection: Connection, selection: Selection, changed: Sequence[Placed]) -> list[Placed]:
    """Those that are selected."""
    if not changed or (selection == EVERYTHING and all_are_shown(connection)):
        return list(changed)
    condition = select_stories(connection, selection, few=True)
    found: list[Placed] = []
    for chunk in chunks([each.number for each in changed]):
        rows = connection.execute(_PLACED.where(condition), {"values": chunk})
        found += map(Placed._make, rows)
    return found


def placed(connection: Connection, numbers: Collection[int]) -> list[Placed]:
    found: list[Placed] = []
    for chunk in chunks(numbers):
        rows = fetch(connection, _PLACED, {"values": chunk})
        found += map(Placed._make, rows)
    return found


def shown_stories(connection: Connection, numbers: Collection[int]) -> dict[int, PublishedEntry]:
    found: dict[int, PublishedEntry] = {}
    which = available(connection)
    for chunk in chunks(numbers):
        page = fetch(connection, _STORIES, {"values": chunk})
        found |= show_page(connection, page, which)
    return found


def attributions(connection: Connection, keys: Collection[str]) -> dict[str, Attribution]:
    return _told(connection, _SOURCES, keys)


def _told(
    connection: Connection, which: Select[Any], values: Collection[str | int]
) -> dict[str, Attribution]:
    found: dict[str, Attribution] = {}
    for chunk in chunks(values):
        for row in fetch(connection, which, {"values": chunk}):
            found[row[0]] = _attribution(*row)
    return found


_attributed: dict[str, tuple[tuple[str, str | None, str, str], Attribution]] = {}
"""By source, what it said last and how that is told."""


def _attribution(key: str, name: str | None, url: str, info: str) -> Attribution:
    said = (key, name, url, info)
    known = _attributed.get(key)
    if known is not None and known[0] == said:
        return known[1]
    made = attribution_of(published_source_of(key, name, url, json.loads(info)))
    if len(_attributed) >= MOST_SOURCES:
        _attributed.clear()
    _attributed[key] = said, made
    return made
