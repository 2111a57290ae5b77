"""What is published: stories with their sources, and the sources with their health.

page       ids of the stories that are asked for, by rank, off the index
| members  their entries of listed sources that nobody took down
| leads    the content of one entry a story
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    exists,
    func,
    select,
    true,
    tuple_,
    union,
)

from aggregator.core.model import PublishedEntry, PublishedSource, Story
from aggregator.core.searching import parse_query
from aggregator.service.ports import Selection, SourceHealth
from aggregator.store.mapping import (
    AnyRow,
    published_entry,
    published_source,
    source_health,
    story_entry,
    whole_story,
)
from aggregator.store.pauses import domain_pauses, later
from aggregator.store.pushes import push_healths
from aggregator.store.quick import fetch
from aggregator.store.revisions import counted
from aggregator.store.schema import UNLISTED, entries, sources, stories
from aggregator.store.searching import says
from aggregator.store.statements import chunks
from aggregator.store.takedowns import entries_taken_down


def list_stories(
    connection: Connection, selection: Selection, *, limit: int, offset: int
) -> list[PublishedEntry]:
    page = list_page(connection, selection, limit, offset)
    shown = show_page(connection, page, available(connection))
    return [shown[story.id] for story in page]


def whole_stories(
    connection: Connection, selection: Selection, *, limit: int, offset: int
) -> list[Story]:
    page = list_page(connection, selection, limit, offset)
    return with_entries(connection, page, available(connection))


_LISTED: ColumnElement[bool] = sources.c.listed


def available(connection: Connection) -> ColumnElement[bool]:
    """Which entries may be shown at all."""
    hidden = entries_taken_down(connection)
    return sources.c.listed & _but(hidden) if hidden else _LISTED


def _but(hidden: Collection[int]) -> ColumnElement[bool]:
    return entries.c.id.not_in(_literal(hidden)) if hidden else true()


def with_entries(
    connection: Connection,
    page: Sequence[AnyRow],
    which: ColumnElement[bool],
    taken_down: Mapping[int, str] = MappingProxyType({}),
) -> list[Story]:
    """These stories with such of their entries; `taken_down` is by entry what hides it."""
    members = _members(connection, [row.id for row in page], which)
    ids = [entry_id for those in members.values() for entry_id in those]
    contents = {row.id: row for row in _rows(connection, entries, ids)}
    seen = {source_id for those in members.values() for source_id in those.values()}
    by_id = {row.id: row for row in _rows(connection, sources, seen)}
    return [
        whole_story(
            story,
            [
                story_entry(contents[entry_id], by_id[source_id], taken_down.get(entry_id))
                for entry_id, source_id in _lead_first(story, members[story.id])
            ],
        )
        for story in page
    ]


def _lead_first(story: AnyRow, members: dict[int, int]) -> list[tuple[int, int]]:
    return sorted(members.items(), key=lambda member: member[0] != story.lead_entry_id)


# Put together once: that takes longer than to run them.
_THESE: BindParameter[Any] = bindparam("values", expanding=True)
_UNLISTED = select(sources.c.id).where(UNLISTED).limit(1)
_THOSE = {each: select(each).where(each.c.id.in_(_THESE)) for each in (entries, sources)}
_MEMBERS = (
    select(entries.c.id, entries.c.story_id, entries.c.source_id)
    .join(sources, sources.c.id == entries.c.source_id)
    .where(entries.c.story_id.in_(_THESE))
    .order_by(entries.c.id)
)
_LISTED_MEMBERS = _MEMBERS.where(_LISTED)

ALL = true()
"""Of stories: none lacks an entry that may be shown."""

STORY_COLUMNS = (
    stories.c.id,
    stories.c.published_id,
    stories.c.lead_entry_id,
    stories.c.rank_at,
    stories.c.changed_at,
)
_PLACE = (stories.c.rank_at, stories.c.id)
NEWEST_FIRST = (stories.c.rank_at.desc(), stories.c.id.desc())


def list_page(
    connection: Connection,
    selection: Selection,
    limit: int,
    offset: int,
    columns: Sequence[ColumnElement[Any]] = STORY_COLUMNS,
) -> Sequence[AnyRow]:
    condition = select_stories(connection, selection)
    newest = select(*columns).where(condition, _recent(selection)).order_by(*NEWEST_FIRST)
    if (after := selection.after) is not None:
        newest = newest.where(tuple_(*_PLACE) < (after.rank_at, after.number))
    return connection.execute(newest.limit(limit).offset(offset)).all()


def count_stories(connection: Connection, selection: Selection, *, most: int | None) -> int:
    if selection == Selection():
        every = counted(connection) - _count_hidden(connection)
        return every if most is None else min(every, most)
    condition = select_stories(connection, selection)
    found = select(stories.c.id).where(condition, _recent(selection)).limit(most)
    return connection.scalar(select(func.count()).select_from(found.subquery())) or 0


def _count_hidden(connection: Connection) -> int:
    """The stories that have nothing to show, found from what is hidden, which is little."""
    shown = _shown(connection)
    if shown is None:
        return 0
    taken_down = entries.c.id.in_(_literal(entries_taken_down(connection)))
    unlisted = entries.c.source_id.in_(select(sources.c.id).where(UNLISTED))
    touched = union(*(select(entries.c.story_id).where(each) for each in (taken_down, unlisted)))
    hidden = select(stories.c.id).where(stories.c.id.in_(touched), ~shown)
    return connection.scalar(select(func.count()).select_from(hidden.subquery())) or 0


def _recent(selection: Selection) -> ColumnElement[bool]:
    return true() if selection.since is None else stories.c.rank_at >= selection.since


def select_stories(
    connection: Connection, selection: Selection, *, few: bool = False
) -> ColumnElement[bool]:
    """Which stories are selected: those with an entry that is.

    Where the statement names a `few`, each of them is asked, and not all entries of its sources.
    """
    search = (selection.search or "").strip()
    if not search and selection.sources is None:
        # Most stories pass, so that asking each in the order of rank soon fills a page.
        shown = _shown(connection)
        return ALL if shown is None else shown
    conditions = [
        _is_listed() if selection.sources is None else _of(connection, selection.sources),
        _but(entries_taken_down(connection)),
    ]
    if search:
        conditions.append(says(connection, parse_query(search)))
    if few:
        its_own = entries.c.story_id == stories.c.id
        return select(entries.c.id).where(its_own, *conditions).exists()
    return stories.c.id.in_(select(entries.c.story_id).where(*conditions))


def all_are_shown(connection: Connection) -> bool:
    """Whether no story lacks an entry that may be shown."""
    return _shown(connection) is None


def _shown(connection: Connection) -> ColumnElement[bool] | None:
    """Whether a story has an entry that may be shown; None where all have."""
    hidden = entries_taken_down(connection)
    if not fetch(connection, _UNLISTED) and not hidden:
        return None
    its_own = entries.c.story_id == stories.c.id
    return select(entries.c.id).where(its_own, _is_listed(), _but(hidden)).exists()


def _is_listed() -> ColumnElement[bool]:
    """Whether an entry's source is; asked of each, as those that are not may be many."""
    return exists().where(sources.c.id == entries.c.source_id, sources.c.listed)


def _of(connection: Connection, keys: Collection[str]) -> ColumnElement[bool]:
    """The entries of those sources that are listed."""
    named: list[int] = []
    for chunk in chunks(keys):
        listed = select(sources.c.id).where(sources.c.listed, sources.c.key.in_(chunk))
        named += connection.scalars(listed)
    return entries.c.source_id.in_(_literal(named))


def _literal(ids: Collection[int]) -> BindParameter[int]:
    """Written into the statement, as there may be more of them than it takes variables."""
    return bindparam("ids", list(ids), unique=True, expanding=True, literal_execute=True)


def _members(
    connection: Connection,
    story_ids: Collection[int],
    which: ColumnElement[bool],
) -> dict[int, dict[int, int]]:
    """For each story the ids of such of its entries, oldest first, with their sources' ids."""
    members: dict[int, dict[int, int]] = {story_id: {} for story_id in story_ids}
    for chunk in chunks(story_ids):
        these = {"values": chunk}
        if which is _LISTED:
            rows = fetch(connection, _LISTED_MEMBERS, these)
        else:
            rows = connection.execute(_MEMBERS.where(which), these).all()
        for row in rows:
            members[row.story_id][row.id] = row.source_id
    return members


def show_page(
    connection: Connection, page: Sequence[AnyRow], which: ColumnElement[bool]
) -> dict[int, PublishedEntry]:
    """These stories by such of their entries; those that have any, by number."""
    members = _members(connection, [row.id for row in page], which)
    leads = {story.id: _lead(story, members[story.id]) for story in page if members[story.id]}
    contents = {row.id: row for row in _rows(connection, entries, leads.values())}
    seen = {source_id for those in members.values() for source_id in those.values()}
    by_id = {row.id: published_source(row) for row in _rows(connection, sources, seen)}
    shown = {}
    for story in page:
        if story.id not in leads:
            continue
        lead = contents[leads[story.id]]
        others = {by_id[each].key: by_id[each] for each in members[story.id].values()}
        source = others.pop(by_id[lead.source_id].key)
        shown[story.id] = published_entry(story, lead, source, _by_key(others))
    return shown


def _lead(story: AnyRow, members: dict[int, int]) -> int:
    """The story's own lead; the oldest entry that may be shown when the lead may not."""
    return story.lead_entry_id if story.lead_entry_id in members else next(iter(members))


def _by_key(sources_by_key: dict[str, PublishedSource]) -> list[PublishedSource]:
    return [sources_by_key[key] for key in sorted(sources_by_key)]


def _rows(connection: Connection, table: Table, ids: Collection[int]) -> list[AnyRow]:
    found: list[AnyRow] = []
    for chunk in chunks(ids):
        found += fetch(connection, _THOSE[table], {"values": chunk})
    return found


def list_sources(connection: Connection, keys: Collection[str] | None) -> list[SourceHealth]:
    rows: list[AnyRow] = []
    for condition in [true()] if keys is None else map(sources.c.key.in_, chunks(keys)):
        rows += connection.execute(select(sources).where(sources.c.listed, condition))
    counts = _counts(connection, None if keys is None else [row.id for row in rows])
    pauses = domain_pauses(connection, None if keys is None else {row.domain for row in rows})
    pushed = push_healths(connection, [row.id for row in rows])
    found = [
        source_health(
            row,
            counts.get(row.id, 0),
            later(row.paused_until, pauses.get(row.domain)),
            pushed.get(row.id),
        )
        for row in rows
    ]
    # In Python, as a database sorts text by the rules of its locale.
    return sorted(found, key=lambda source: source.key)


def _counts(connection: Connection, source_ids: Collection[int] | None) -> dict[int, int]:
    """Entries by source; None counts those of all."""
    counts: dict[int, int] = {}
    its = entries.c.source_id
    for condition in [true()] if source_ids is None else map(its.in_, chunks(source_ids)):
        counted = select(its, func.count()).where(condition).group_by(its)
        counts |= {row[0]: row[1] for row in connection.execute(counted)}
    return counts
