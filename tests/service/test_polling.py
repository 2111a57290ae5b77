from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.model import FeedInfo, Wishes
from aggregator.core.reconcile import Intake
from aggregator.core.rhythm import Pace
from aggregator.core.wire import Failed, Gone, NotModified, PackedForm, Validators
from aggregator.service.ports import Selection
from aggregator.service.reports import PollReport
from tests.builders import NOON, ago, read_entry, read_feed
from tests.fakes import fetched
from tests.service.world import TAGGED, World, policy

URL = "https://a.example/feed"


@pytest.fixture
async def world() -> World:
    world = World()
    await world.add("a")
    return world


async def test_a_first_poll_brings_the_entries_in(world):
    world.serves(URL, read_entry("1"), read_entry("2"))

    report = await world.poll("a")

    assert (report.outcome, report.entries_new, report.status) == ("new", 2, 200)
    assert await world.titles() == ["Title 1", "Title 2"]


async def test_the_same_document_again_is_not_even_read(world):
    world.serves(URL, read_entry("1"), validators=Validators())
    await world.poll("a")

    report = await world.poll("a")

    assert (report.outcome, report.entries_new, report.entries_updated) == ("unchanged", 0, 0)
    assert world.reader.read_count == 1


async def test_what_comes_packed_as_it_did_last_time_is_the_same_document(world):
    form = PackedForm(b"1" * 16, 61_000)
    world.serves(URL, read_entry("1"), validators=Validators(), packed=form)
    await world.poll("a")
    same = fetched(b"", URL, validators=Validators(), packed=form, is_known=True)
    world.answers(URL, same)
    await world.poll("a")
    report = await world.poll("a")

    assert [request.known for request in world.fetcher.requests] == [None, form, form]
    assert (report.outcome, report.bytes) == ("unchanged", 61_000)
    assert world.reader.read_count == 1


async def test_what_cannot_be_used_leaves_the_packed_form_of_the_last_document(world):
    form = PackedForm(b"1" * 16, 61_000)
    world.serves(URL, read_entry("1"), validators=Validators(), packed=form)
    await world.poll("a")
    world.answers(URL, fetched(b"<html>", URL, packed=PackedForm(b"2" * 16, 6)))
    await world.poll("a")
    await world.poll("a")

    assert world.fetcher.requests[2].known == form


async def test_validators_come_back_as_they_were(world):
    world.serves(URL, read_entry("1"), validators=TAGGED)
    await world.poll("a")
    await world.poll("a")

    assert world.fetcher.requests[0].validators == Validators()
    assert world.fetcher.requests[1].validators == TAGGED


async def test_validators_that_the_server_dropped_are_not_sent_again(world):
    world.serves(URL, read_entry("1"), validators=TAGGED)
    await world.poll("a")
    world.serves(URL, read_entry("1"), validators=Validators())
    await world.poll("a")
    await world.poll("a")

    assert world.fetcher.requests[2].validators == Validators()


async def test_a_304_may_bring_a_new_etag_and_keeps_the_rest(world):
    world.serves(URL, read_entry("1"), validators=TAGGED)
    await world.poll("a")
    world.answers(URL, NotModified(validators=Validators(etag='"2"')))

    report = await world.poll("a")
    await world.poll("a")

    assert report.outcome == "not_modified"
    expected = Validators(etag='"2"', last_modified=TAGGED.last_modified)
    assert world.fetcher.requests[2].validators == expected


async def test_a_body_that_is_no_feed_is_a_failure_and_its_validators_are_not_kept(world):
    world.answers(URL, fetched(b"<html>", URL, validators=TAGGED))

    report = await world.poll("a")
    await world.poll("a")

    assert (report.outcome, report.error) == ("failed", "an HTML page, not a feed")
    assert world.fetcher.requests[1].validators == Validators()


async def test_failures_are_counted_and_end_with_a_good_poll(world):
    world.answers(URL, Failed(kind="timeout", reason="no answer within 20 s"))
    await world.poll("a")
    second = await world.poll("a")
    failing = await world.health("a")
    world.serves(URL, read_entry("1"))
    await world.poll("a")
    well = await world.health("a")

    assert second.next_poll_at == NOON + timedelta(hours=2)
    assert (failing.failures, failing.last_error) == (2, "no answer within 20 s")
    assert (well.failures, well.last_error) == (0, None)


async def test_a_pause_that_a_server_asks_for_is_no_failure(world):
    world.answers(
        URL, Failed(kind="http", reason="HTTP 429", status=429, retry_after=timedelta(hours=3))
    )

    report = await world.poll("a")
    health = await world.health("a")

    assert report.outcome == "throttled"
    assert report.next_poll_at >= NOON + timedelta(hours=3)
    assert (health.failures, health.paused_until) == (0, NOON + timedelta(hours=3))


async def test_a_gone_source_keeps_its_entries(world):
    world.serves(URL, read_entry("1"))
    await world.poll("a")
    world.answers(URL, Gone())
    await world.poll("a")
    report = await world.poll("a")

    assert report.outcome == "gone"
    assert report.next_poll_at >= NOON + timedelta(days=7)
    assert await world.titles() == ["Title 1"]


async def test_what_a_source_asks_of_its_pollers_holds_for_later_answers_too(world):
    world.serves(URL, read_entry("1"), wishes=Wishes(ttl=timedelta(hours=5)))
    first = await world.poll("a")
    world.answers(URL, NotModified(validators=Validators()))
    later = await world.poll("a")

    assert first.next_poll_at == later.next_poll_at == NOON + timedelta(hours=5)
    assert later.next_poll_reason == "the source asks for a poll every 5h"


async def test_a_304_may_say_how_long_it_is_fresh(world):
    world.answers(URL, NotModified(validators=Validators(), fresh_for=timedelta(hours=9)))

    assert (await world.poll("a")).next_poll_at == NOON + timedelta(hours=9)


async def test_an_edit_is_an_update_in_place(world):
    world.serves(
        URL, read_entry("1", published=ago(days=1)), read_entry("2", published=ago(days=2))
    )
    await world.poll("a")
    world.serves(URL, read_entry("1"), read_entry("2", title="Edited"))

    report = await world.poll("a")

    assert (report.entries_new, report.entries_updated) == (0, 1)
    assert await world.titles() == ["Title 1", "Edited"]


async def test_an_empty_first_document_does_not_make_the_past_news(world):
    world.serves(URL)
    await world.poll("a")
    world.serves(URL, *(read_entry(str(n), published=ago(days=n + 1)) for n in range(30)))

    report = await world.poll("a")

    assert report.entries_new == 10


async def test_with_no_backfill_what_follows_an_empty_document_is_news():
    world = World()
    await world.add("a", intake=Intake(backfill=0))
    world.serves(URL)
    await world.poll("a")
    world.serves(URL, read_entry("1"))

    assert (await world.poll("a")).entries_new == 1


async def test_a_new_source_cannot_push_its_past_above_what_is_there(world):
    world.serves(URL, read_entry("1", published=ago(days=2)))
    await world.poll("a")
    other = await world.add("b")
    world.serves(
        other, read_entry("old", published=ago(days=9), guid="b-old", link="https://b.example/old")
    )
    await world.poll("b")

    assert await world.titles() == ["Title 1", "Title old"]


async def test_a_source_that_shows_more_of_its_past_floods_nobody(world):
    world.serves(URL, *(read_entry(str(day), published=ago(days=day)) for day in range(1, 13)))
    await world.poll("a")
    world.serves(URL, *(read_entry(str(day), published=ago(days=day)) for day in range(40)))
    report = await world.poll("a")

    # Days 11 and 12 were left out at first.
    assert report.entries_new == 28
    assert (await world.titles())[:12] == [f"Title {day}" for day in (*range(11), 13)]
    assert (await world.poll("a")).entries_new == 0


async def test_a_story_from_two_sources_is_one_entry_that_names_both(world):
    planet = await world.add("planet")
    world.serves(planet, read_entry("1", guid="p1", link="https://a.example/1?utm_source=planet"))
    world.serves(URL, read_entry("1", title="The original"))
    await world.poll("planet")
    await world.poll("a")

    assert await world.titles() == ["The original"]


async def test_a_stepped_wall_clock_does_not_move_the_schedule(world):
    world.serves(URL, read_entry("1"))
    world.clock.step_the_wall_clock(days=-1)
    report = await world.poll("a")

    assert report.next_poll_at == NOON + timedelta(hours=1)


UNREACHABLE = Failed(kind="dns", reason="name or service not known")


async def outage(world: World, count: int) -> None:
    """So many sources, none of which can be reached."""
    for n in range(count):
        url = await world.add(f"s{n}")
        world.answers(url, UNREACHABLE)
        await world.poll(f"s{n}")


async def test_while_nothing_can_be_reached_no_source_is_blamed():
    world = World()
    await outage(world, 5)
    health = await world.store.sources()

    assert [source.failures for source in health] == [0] * 5
    assert all(source.last_error for source in health)
    soon = NOON + timedelta(minutes=5)
    assert all(source.next_poll_at and source.next_poll_at <= soon for source in health)
    told = "nothing can be reached: our own network seems down"
    assert {source.next_poll_reason for source in health} == {told}


async def test_two_sources_out_of_reach_are_to_blame_themselves():
    world = World()
    await outage(world, 2)

    assert [source.failures for source in await world.store.sources()] == [1, 1]


async def test_a_source_out_of_reach_is_to_blame_while_others_answer():
    world = World()
    world.serves(await world.add("healthy"), read_entry("1"))
    await world.poll("healthy")
    await outage(world, 4)

    assert [s.failures for s in await world.store.sources()] == [0, 1, 1, 1, 1]


async def test_a_failure_of_another_kind_is_not_taken_back():
    world = World()
    url = await world.add("broken")
    world.answers(url, Failed(kind="unreadable", reason="no feed"))
    await world.poll("broken")
    await outage(world, 4)

    assert [s.failures for s in await world.store.sources()] == [1, 0, 0, 0, 0]


def somebody_elses() -> FeedInfo:
    return FeedInfo(title="Casino", link="https://casino.example/", id="urn:casino")


async def taken_over(world: World, *entries) -> PollReport:
    """The source's address serves another feed with these entries from now on."""
    world.serves(URL, read_entry("1"), link="https://a.example/")
    await world.poll("a")
    body = b"another feed"
    feed = replace(read_feed(*entries), info=somebody_elses())
    world.reader.shelf[body] = feed
    world.answers(URL, fetched(body, URL))
    return await world.poll("a")


async def test_an_address_that_serves_another_feed_says_so_and_keeps_its_entries(world):
    spam = read_entry("spam", link="https://casino.example/1", guid="spam")

    report = await taken_over(world, spam)

    assert report.outcome == "failed"
    assert "another feed now: Casino" in (report.error or "")
    assert await world.titles() == ["Title 1"]
    assert (await world.health("a")).info.title == "A feed"


async def test_a_feed_that_still_has_a_known_entry_is_the_same_whatever_else_changed(world):
    report = await taken_over(world, read_entry("1"), read_entry("2"))

    assert report.outcome == "new"


async def test_a_source_is_polled_where_it_has_moved_for_good(world):
    new = "https://new.example/feed"
    moved = replace(fetched(repr((read_entry("1"),)).encode(), new), permanent_url=new)
    world.serves(URL, read_entry("1"))
    world.answers(URL, moved)
    world.serves(new, read_entry("1"))
    for _ in range(8):
        await world.poll("a")
        world.clock.pass_(days=1)
    health = await world.health("a")
    await world.poll("a")

    assert (health.moved_to, health.url) == (new, URL)
    assert [request.url for request in world.fetcher.requests] == [URL] * 8 + [new]
    assert [report.moved_to for report in world.notebook.reports] == [*[None] * 7, new, None]


async def test_an_address_with_a_secret_is_polled_whole_and_kept_without_it():
    world = World()
    secret = f"{URL}?token=hush"
    await world.add("a", URL)
    world.policies["a"] = policy(url=secret, shown_url=URL)
    elsewhere = "https://new.example/feed?token=hush"
    moved = replace(fetched(b"x", elsewhere), permanent_url=elsewhere)
    world.reader.shelf[b"x"] = read_feed(read_entry("1"))
    world.answers(secret, moved)
    for _ in range(9):
        await world.poll("a")
        world.clock.pass_(days=1)

    assert {request.url for request in world.fetcher.requests} == {secret}
    health = await world.health("a")
    assert (health.url, health.moved_to) == (URL, None)


async def test_the_next_poll_follows_the_rhythm_that_the_entries_show():
    world = World()
    day = timedelta(days=1)
    await world.add("a", pace=Pace(shortest=timedelta(hours=1), longest=day))
    weekly = [read_entry(str(n), published=NOON - day * (7 * n + 3.4)) for n in range(9)]
    world.serves(URL, *weekly)

    report = await world.poll("a")

    assert (report.next_poll_at or NOON) > NOON + timedelta(hours=1)
    assert "a week" in report.next_poll_reason


async def test_while_nothing_is_new_its_rhythm_is_not_learned_again():
    world = World()
    day = timedelta(days=1)
    await world.add("a", pace=Pace(shortest=timedelta(hours=1), longest=day))
    world.serves(URL, *(read_entry(str(n), published=NOON - day * 7 * n) for n in range(9)))
    learned = []
    for hours in (0, 3, 3):
        world.clock.pass_(hours=hours)
        await world.poll("a")
        (claimed,) = await world.store.claim(["a"], lease_until=NOON)
        learned.append(claimed.habits and claimed.habits.learned_at)
    world.serves(URL, read_entry("new", published=world.clock.now()))
    await world.poll("a")
    (claimed,) = await world.store.claim(["a"], lease_until=NOON)

    assert learned == [NOON, NOON, NOON]
    assert claimed.habits
    assert (claimed.habits.learned_at, claimed.habits.count) == (world.clock.now(), 10)


SECRETS = {"headers": (("X-Key", "hush"),), "auth": ("me", "hush")}


async def test_where_a_source_has_moved_to_another_origin_its_secrets_stay_behind():
    world = World()
    await world.add("a", URL, **SECRETS)
    elsewhere = "https://stranger.example/feed"
    world.reader.shelf[b"x"] = read_feed(read_entry("1"))
    world.answers(URL, replace(fetched(b"x", elsewhere), permanent_url=elsewhere))
    world.serves(elsewhere, read_entry("1"))
    for _ in range(9):
        await world.poll("a")
        world.clock.pass_(days=1)

    first, last = world.fetcher.requests[0], world.fetcher.requests[-1]
    assert (first.headers, first.auth) == (SECRETS["headers"], SECRETS["auth"])
    assert (last.url, last.headers, last.auth) == (elsewhere, (), None)


async def test_a_secret_in_an_address_is_no_base_of_relative_links():
    world = World()
    await world.add("a", "https://a.example/u/")
    secret = "https://a.example/u/hush/feed?key=hush"
    world.policies["a"] = policy(url=secret, shown_url="https://a.example/u/")
    world.answers(secret, fetched(b"x", secret))
    world.reader.shelf[b"x"] = read_feed(read_entry("1"))
    await world.poll("a")

    assert world.reader.bases == ["https://a.example/u/"]


async def test_a_page_with_a_retry_after_is_not_asked_for_before(world):
    hours = timedelta(hours=6)
    world.answers(URL, fetched(b"<html>", URL, retry_after=hours))

    report = await world.poll("a")

    assert report.next_poll_at == NOON + hours
    assert (await world.health("a")).paused_until == NOON + hours


async def test_a_source_that_moved_to_where_another_is_polled_stays_and_is_told_nothing_wrong():
    world = World()
    old, new = await world.add("old"), await world.add("new")
    world.serves(new, read_entry("1"))
    world.reader.shelf[b"x"] = read_feed(read_entry("1"))
    world.answers(old, replace(fetched(b"x", new), permanent_url=new))
    for _ in range(9):
        await world.poll("old")
        world.clock.pass_(days=1)

    assert (await world.health("old")).moved_to is None


async def test_while_our_network_is_down_a_gone_source_stays_gone():
    world = World()
    url = await world.add("a")
    world.answers(url, Gone())
    for _ in range(2):
        await world.poll("a")
    world.clock.pass_(minutes=2)
    await outage(world, 4)
    world.answers(url, UNREACHABLE)
    await world.poll("a")

    assert (await world.health("a")).gone_count == 2


@pytest.mark.parametrize("players", [False, True])
async def test_a_document_is_read_as_its_source_says(world, players):
    await world.add("a", players=players)
    world.serves(URL, read_entry("1"))

    await world.poll("a")

    assert world.reader.players == [players]


async def test_entries_of_an_older_version_are_refreshed_and_nothing_is_new(world):
    await world.add("a", intake=Intake(updates="bump"))
    world.serves(URL, read_entry("1"), read_entry("2"))
    await world.poll("a")
    for stored in world.store._entries.values():  # as the first version left them
        stored.known = replace(stored.known, fingerprint=stored.known.fingerprint[1:])
    before = await world.titles()
    world.serves(
        URL,
        read_entry("1", comments="https://a.example/c"),
        read_entry("2"),
        link="https://a.example/",
    )

    report = await world.poll("a")

    assert (report.outcome, report.entries_new, report.entries_updated) == ("unchanged", 0, 0)
    assert await world.titles() == before
    (comments,) = {
        story.content.comments
        for story in await world.store.stories(Selection(), limit=10)
        if story.content.title == "Title 1"
    }
    assert comments == "https://a.example/c"
