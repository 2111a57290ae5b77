"""The contract of what decides where and when a source is polled, and of what is kept of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.memory import Memory
from aggregator.core.moves import Moves
from aggregator.core.rhythm import Sighting, learn
from aggregator.core.wire import Validators
from tests.builders import NOON, ago
from tests.store.steps import (
    HOUR,
    claim_due,
    claim_one,
    configure,
    health,
    keys,
    poll,
    record,
    spec,
    story,
)

NEW = "https://feeds.other.example/feed"


async def save(store, key: str, **changes):
    """A poll of the source that leaves this."""
    claimed = await claim_one(store, key)
    assert await store.save_poll(record(claimed.lease, **changes))
    return claimed


async def test_a_pause_holds_for_the_whole_domain(store):
    hosts = {"a": "feeds.one.example", "b": "blog.one.example", "c": "two.example"}
    await configure(store, *(spec(key, url=f"https://{host}/") for key, host in hosts.items()))
    ends = {"paused_until": NOON + 3 * HOUR, "domain_paused_until": NOON + HOUR}
    await save(store, "a", **ends, next_poll_at=NOON)

    assert [one.key for one in await store.overdue(now=NOON)] == ["c"]
    assert keys(await claim_due(store)) == ["c"]
    assert keys(await claim_due(store, NOON + HOUR)) == ["b", "c"]
    claimed = {key: (await claim_one(store, key)).paused_until for key in hosts}
    assert claimed == {"a": NOON + 3 * HOUR, "b": NOON + HOUR, "c": None}


async def test_a_pause_of_its_domain_is_shown_with_each_source(store):
    await configure(store, *(spec(key, url=f"https://{key}.one.example/") for key in "ab"))
    await save(store, "a", domain_paused_until=NOON + HOUR)
    await save(store, "b", next_poll_at=NOON + HOUR / 2)

    waiting = await health(store, "b")

    assert (waiting.paused_until, waiting.next_poll_at) == (NOON + HOUR, NOON + HOUR)
    assert waiting.next_poll_reason == "a server of its domain asks for a pause"


async def test_a_claim_knows_the_domain_and_in_a_private_network_only_its_own_pause(store):
    await configure(store, spec("a", url="http://10.0.0.1/a"), spec("b", url="http://10.0.0.1/b"))
    await save(store, "a", paused_until=NOON + HOUR)

    assert (await claim_one(store, "a")).paused_until == NOON + HOUR
    assert (await claim_one(store, "b")).paused_until is None


async def test_of_failing_sources_only_so_many_are_claimed_and_they_come_last(store):
    await configure(store, *(f"bad{n}" for n in range(4)), "good")
    for n in range(4):
        await save(store, f"bad{n}", failures=1, outcome="failed", next_poll_at=ago(hours=n + 1))

    claimed = await claim_due(store, failing=2)

    assert keys(claimed) == ["good", "bad3", "bad2"]


@pytest.mark.parametrize("failing", [0, -3])
async def test_without_room_for_failing_sources_the_others_are_claimed(store, failing):
    await configure(store, "bad", "good")
    await save(store, "bad", failures=1, outcome="failed", next_poll_at=ago(hours=1))

    assert keys(await claim_due(store, failing=failing)) == ["good"]


async def test_the_next_source_to_fall_due_is_known(store):
    await configure(store, "a", "b", spec("off", enabled=False))
    await save(store, "a", next_poll_at=NOON + 2 * HOUR)
    await save(store, "b", next_poll_at=NOON + HOUR)
    await save(store, "off", next_poll_at=NOON + HOUR / 2)

    assert await store.next_due(after=NOON) == NOON + HOUR
    assert await store.next_due(after=NOON + HOUR) == NOON + 2 * HOUR
    assert await store.next_due(after=NOON + 2 * HOUR) is None


async def test_the_first_of_some_sources_to_be_due_is_known_overdue_or_not(store):
    await configure(store, "a", "b", "c", spec("d", enabled=False), "e")
    for key, hours in (("a", 1), ("b", 2), ("c", 3)):
        await save(store, key, next_poll_at=NOON + hours * HOUR)
    await save(store, "e", next_poll_at=NOON, paused_until=NOON + 3 * HOUR)
    after = NOON + timedelta(minutes=90)

    assert await store.first_due(None, now=after) == NOON + HOUR
    assert await store.first_due({"b", "c", "e", "nobody"}, now=after) == NOON + 2 * HOUR
    assert await store.first_due({"d"}, now=after) is None
    assert await store.first_due({"e"}, now=after) is None
    assert await store.first_due({"e"}, now=NOON + 3 * HOUR) == NOON
    assert await store.first_due(frozenset(), now=after) is None


async def test_overdue_sources_can_be_put_off(store):
    await configure(store, "a", "b", "c")
    await save(store, "c", next_poll_at=NOON + HOUR)
    overdue = await store.overdue(now=NOON)
    times = {overdue[1].source_id: NOON + timedelta(seconds=1)}
    await store.postpone(times, now=NOON, reason="in turn")

    assert [one.key for one in overdue] == ["a", "b"]
    assert keys(await claim_due(store)) == ["a"]
    assert (await health(store, "b")).next_poll_reason == "in turn"
    assert keys(await claim_due(store, NOON + timedelta(seconds=1))) == ["b"]


async def test_what_was_polled_or_claimed_meanwhile_is_not_put_off(store):
    await configure(store, "polled", "claimed")
    overdue = await store.overdue(now=NOON)
    await save(store, "polled", next_poll_at=NOON + HOUR)
    await claim_one(store, "claimed")
    times = {one.source_id: NOON + timedelta(seconds=1) for one in overdue}
    await store.postpone(times, now=NOON, reason="in turn")

    assert (await health(store, "polled")).next_poll_at == NOON + HOUR
    assert (await health(store, "claimed")).next_poll_at == NOON


async def test_nothing_to_put_off_is_nothing_to_do(store):
    await store.postpone({}, now=NOON, reason="in turn")

    assert await store.overdue(now=NOON) == []


async def test_the_newest_entries_of_a_source_tell_its_rhythm(store):
    await configure(store, "a", "b")
    stories = [replace(story(str(n), at=ago(days=n)), first_seen=NOON) for n in (3, 1, 2)]
    claimed = await poll(store, "a", *stories)
    await poll(store, "b", story("other"))

    sightings = await store.sightings(claimed.lease.source_id, limit=2)

    assert sightings == [Sighting(NOON, ago(days=1)), Sighting(NOON, ago(days=2))]


async def test_what_is_learned_is_kept_until_something_new_comes(store):
    await configure(store, "a", "b")
    habits = learn([Sighting(ago(days=n), ago(days=n)) for n in range(5)], NOON)

    await save(store, "a", habits=habits)
    await save(store, "a")
    kept = await claim_one(store, "a")
    await poll(store, "a", story("1"))
    after_news = await claim_one(store, "a")

    assert (await claim_one(store, "b")).habits is None
    assert kept.habits == habits
    assert after_news.habits is None


async def test_the_last_polls_are_kept_whole_newest_first(store):
    await configure(store, "a", "b")
    sent = Validators(etag='W/"1"', last_modified="Sun, 01 Mar 2026 11:00:00 GMT")
    facts = {
        "outcome": "failed",
        "status": 503,
        "bytes": 2**33,
        "elapsed": timedelta(seconds=20.5),
        "error": "HTTP 503 \N{SNOWMAN}",
        "sent": sent,
        "received": Validators(etag='"2"'),
    }
    await save(store, "a", polled_at=ago(hours=1))
    await save(store, "a", polled_at=NOON, **facts)

    newest, before = await store.past_polls("a")

    assert {name: getattr(newest, name) for name in facts} == facts
    assert (newest.polled_at, before.polled_at) == (NOON, ago(hours=1))
    assert await store.past_polls("b") == await store.past_polls("nobody") == []


async def test_old_polls_make_room_even_when_the_clock_goes_backwards(store):
    await configure(store, "a")
    for n in range(35):
        await save(store, "a", polled_at=ago(hours=n), status=200 + n)

    statuses = [one.status for one in await store.past_polls("a")]

    assert statuses == [234 - n for n in range(30)]


async def test_a_move_is_remembered_and_once_believed_changes_the_host(store):
    await configure(store, "a")
    pending = Moves(pending=NEW, pending_since=ago(days=1))
    await save(store, "a", moves=pending)
    before = await claim_one(store, "a")
    await save(store, "a", moves=Moves(to=NEW))
    after = await claim_one(store, "a")

    assert (before.moves, before.host) == (pending, "a.example")
    assert (after.moves, after.url) == (Moves(to=NEW), "https://a.example/feed")
    assert (after.host, after.domain) == ("feeds.other.example", "other.example")
    assert (await health(store, "a")).moved_to == NEW


async def test_a_move_that_is_given_up_leads_back_to_the_old_host(store):
    await configure(store, "a")
    await save(store, "a", moves=Moves(to=NEW))
    await save(store, "a", moves=Moves())

    assert (await claim_one(store, "a")).host == "a.example"
    assert (await health(store, "a")).moved_to is None


async def test_a_move_outlives_a_restart_and_the_operator_who_writes_it_down(store):
    await configure(store, "a")
    await poll(store, "a", story("1"))
    await save(store, "a", moves=Moves(to=NEW), validators=Validators(etag='"1"'))
    await configure(store, "a")
    restarted = await claim_one(store, "a")
    await configure(store, spec("a", url=NEW))
    written_down = await claim_one(store, "a")

    assert (restarted.moves, restarted.host) == (Moves(to=NEW), "feeds.other.example")
    assert (written_down.url, written_down.moves) == (NEW, Moves())
    assert (written_down.host, written_down.ever_read) == ("feeds.other.example", True)
    assert written_down.validators == Validators(etag='"1"')


async def test_another_address_makes_a_move_forgotten(store):
    await configure(store, "a")
    await save(store, "a", moves=Moves(to=NEW))
    await configure(store, spec("a", url="https://third.example/feed"))
    claimed = await claim_one(store, "a")

    assert (claimed.moves, claimed.host) == (Moves(), "third.example")


async def test_a_suggestion_stands_until_the_source_is_well_again(store):
    await configure(store, "a")
    claimed = await save(store, "a", failures=3, outcome="failed")
    await store.suggest(claimed.lease.source_id, NEW)
    await save(store, "a", failures=4, outcome="failed")
    lost = (await health(store, "a")).suggested_url
    await save(store, "a")

    assert lost == NEW
    assert (await health(store, "a")).suggested_url is None


async def test_a_claim_tells_when_the_source_last_brought_news(store):
    await configure(store, "a")
    await save(store, "a", polled_at=ago(hours=2))
    await save(store, "a", polled_at=NOON, outcome="unchanged")

    assert (await claim_one(store, "a")).last_news_at == ago(hours=2)


async def test_sources_can_be_asked_for_by_name(store):
    await configure(store, "a", "b")
    await poll(store, "b", story("1"))

    found = await store.sources({"b", "nobody"})

    assert [(one.key, one.entries) for one in found] == [("b", 1)]


async def test_what_is_remembered_of_a_document_stays_until_the_next_one(store):
    memory = Memory.of({(2**64 - 1, 2, 3): b"guid....link...."}, reading=b"reading1", head=1)
    await configure(store, "a")
    source_id = (await claim_one(store, "a")).lease.source_id
    assert await store.remembered(source_id) is None

    await save(store, "a", read=True, memory=memory)
    await save(store, "a")

    assert await store.remembered(source_id) == memory


async def test_a_document_that_cannot_be_remembered_forgets_the_one_before(store):
    await configure(store, "a")
    claimed = await save(store, "a", read=True, memory=Memory(reading=b"reading1", head=1))

    await save(store, "a", read=True)

    assert await store.remembered(claimed.lease.source_id) is None
