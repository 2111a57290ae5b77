"""Stories without their texts, and what of some is shown: for who knows the others already."""

import json
from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import Connection, Text, select, type_coerce

from aggregator.core.model import PublishedEntry
from aggregator.core.positions import Placed
from aggregator.core.shown import Attribution, attribution_of
from aggregator.service.ports import Selection
from aggregator.store.mapping import published_source_of
from aggregator.store.reads import (
    STORY_COLUMNS,
    available,
    list_page,
    show_page,
)
from aggregator.store.schema import sources, stories
from aggregator.store.statements import chunks

MOST_SOURCES = 20_000
"""Whose attributions are in memory: a hundred bytes each, and the text that they are of."""

_COLUMNS = (stories.c.rank_at, stories.c.id, stories.c.changed_in)


def places(
    connection: Connection, selection: Selection, *, limit: int, offset: int
) -> list[Placed]:
    return list(map(Placed._make, list_page(connection, selection, limit, offset, _COLUMNS)))


def placed(connection: Connection, numbers: Collection[int]) -> list[Placed]:
    found: list[Placed] = []
    for chunk in chunks(numbers):
        rows = connection.execute(select(*_COLUMNS).where(stories.c.id.in_(chunk)))
        found += map(Placed._make, rows)
    return found


def shown_stories(connection: Connection, numbers: Collection[int]) -> dict[int, PublishedEntry]:
    found: dict[int, PublishedEntry] = {}
    which = available(connection)
    for chunk in chunks(numbers):
        page = connection.execute(select(*STORY_COLUMNS).where(stories.c.id.in_(chunk))).all()
        found |= show_page(connection, page, which)
    return found


def attributions(connection: Connection, keys: Collection[str]) -> dict[str, Attribution]:
    found: dict[str, Attribution] = {}
    said = type_coerce(sources.c.info, Text)  # as it stands: most of it is known
    for chunk in chunks(keys):
        columns = select(sources.c.key, sources.c.name, sources.c.url, said)
        for row in connection.execute(columns.where(sources.c.key.in_(chunk))):
            found[row[0]] = _attribution(*row)
    return found


@lru_cache(MOST_SOURCES)
def _attribution(key: str, name: str | None, url: str, info: str) -> Attribution:
    return attribution_of(published_source_of(key, name, url, json.loads(info)))
