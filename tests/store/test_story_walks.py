"""Many sources that say the same, copy each other and change their minds, in any order."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from aggregator.core.digest import digest
from aggregator.core.model import EditedEntry, EntryChanges
from aggregator.store.schema import entries, marks, revision, stories
from aggregator.store.sql import open_store
from tests.builders import NOON
from tests.store.memory import MemoryStore
from tests.store.steps import EVERYTHING, claim_one, configure, poll, record, spec, story

SOURCES = [spec(key) for key in "abcd"]
TEXTS = [
    " ".join(f"{of}{letter}{other}" for letter in "abcdefgh" for other in "abcdefgh")
    for of in ("one", "two")
]
TEXTS += [" ".join(TEXTS[0].split()[:55]), f"{TEXTS[0]} and more", "short"]
LINKS = [f"https://{host}.example/{n}" for host in "abx" for n in (1, 2)]

STEPS = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from(["g1", "g2", "https://a.example/guid"]),
    st.sampled_from(TEXTS),
    st.sampled_from(LINKS),
    st.sampled_from(["Title", "Title", "Other"]),
    st.sampled_from([(), ("https://a.example/feed",)]),
)


def item(step, n):
    _, guid, text, link, title, taken_from = step
    at = NOON + timedelta(minutes=n)
    new = story(guid, guid=guid, text=text, link=link, title=title, at=at)
    return replace(new, entry=replace(new.entry, taken_from=taken_from))


async def take(store, step, n):
    """A poll that brings the entry, or its edit when the source has it."""
    key, new, at = step[0], item(step, n), NOON + timedelta(minutes=n)
    claimed = await claim_one(store, key)
    known = await store.known(claimed.lease.source_id, [new.entry.digest], [])
    if before := known.by_digest.get(new.entry.digest):
        edited = EditedEntry(id=before.id, entry=new.entry, updated=at, edited_at=at, rank_at=at)
        changes = EntryChanges(edited=(edited,))
    else:
        changes = EntryChanges(new=(new,))
    await store.save_poll(record(claimed.lease, read=True, changes=changes, polled_at=at))


async def shown(store):
    return [
        (each.id, each.source.key, each.guid, tuple(other.key for other in each.also_in))
        for each in await store.stories(EVERYTHING, limit=99)
    ]


async def opened(path):
    store = await open_store(f"sqlite:///{path}/{digest(str(path)).hex()}.db")
    await configure(store, *SOURCES)
    return store


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(walk=st.lists(STEPS, min_size=2, max_size=10))
async def test_both_stores_agree_and_no_id_moves(walk, tmp_path_factory):
    memory = MemoryStore()
    await configure(memory, *SOURCES)
    sql = await opened(tmp_path_factory.mktemp("walk"))
    try:
        ids: set[str] = set()
        for n, step in enumerate(walk):
            await take(memory, step, n)
            await take(sql, step, n)
            assert await shown(sql) == await shown(memory)
            now = {each[0] for each in await shown(sql)}
            assert ids <= now  # a story that is published stays
            ids = now
            members = [key for each in await shown(sql) for key in (each[1], *each[3])]
            assert len(members) == len({(s[0], s[1]) for s in walk[: n + 1]})
    finally:
        await sql.aclose()


@given(first=STEPS, second=STEPS)
async def test_a_poll_that_comes_twice_changes_nothing(first, second):
    memory = MemoryStore()
    await configure(memory, *SOURCES)
    for n, step in enumerate([first, second]):
        await poll(memory, step[0], item(step, n))
    before = await shown(memory)
    await poll(memory, second[0], item(second, 1))

    assert await shown(memory) == before


async def record_of(store, steps, n):
    """A poll that brings all of these entries of one source, or their edits."""
    claimed = await claim_one(store, steps[0][0])
    at = NOON + timedelta(minutes=n)
    items = {each.entry.digest: each for each in (item(step, n) for step in steps)}
    known = await store.known(claimed.lease.source_id, [*items], [])
    edited = [
        EditedEntry(id=before.id, entry=items[key].entry, updated=at, edited_at=at, rank_at=at)
        for key, before in known.by_digest.items()
    ]
    new = [one for key, one in items.items() if key not in known.by_digest]
    changes = EntryChanges(new=tuple(new), edited=tuple(edited))
    return record(claimed.lease, read=True, changes=changes, polled_at=at)


async def rows(store):
    """All that is stored of entries and stories, revisions aside."""
    counts = {stories.c.opened_in, stories.c.changed_in}
    columns = [column for column in stories.c if column not in counts]

    def read(connection):
        entry_rows = connection.execute(select(entries).order_by(entries.c.id)).all()
        story_rows = connection.execute(select(*columns).order_by(stories.c.id)).all()
        mark_rows = connection.execute(select(marks).order_by(*marks.primary_key)).all()
        return entry_rows, story_rows, mark_rows, connection.scalar(select(revision.c.stories))

    return await store._database.read(read)


ROUNDS = st.lists(
    st.lists(STEPS, min_size=1, max_size=6).map(
        lambda steps: [
            its_own for key in "dacb" if (its_own := [step for step in steps if step[0] == key])
        ]
    ),
    min_size=1,
    max_size=3,
)


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rounds=ROUNDS)
async def test_polls_saved_together_leave_what_they_leave_one_by_one(rounds, tmp_path_factory):
    alone = await opened(tmp_path_factory.mktemp("alone"))
    together = await opened(tmp_path_factory.mktemp("together"))
    try:
        for number, polls in enumerate(rounds):
            for n, steps in enumerate(polls):
                await alone.save_poll(await record_of(alone, steps, 10 * number + n))
            group = [
                await record_of(together, each, 10 * number + n) for n, each in enumerate(polls)
            ]
            before = await together.revision()
            await asyncio.gather(*map(together.save_poll, group))

            assert (await together.revision()).number == before.number + 1
            assert await rows(together) == await rows(alone)
    finally:
        await alone.aclose()
        await together.aclose()
