"""Webhooks are told of what becomes part of a publication, once, and of its edits."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aggregator.core.filters import Filter
from aggregator.core.reconcile import Intake
from aggregator.core.rules import parse_rule
from aggregator.core.wire import Call, Called, Failed
from aggregator.service.deliveries.webhooks import MOST_IN_MESSAGE, Hook
from aggregator.service.ports import Selection
from tests.builders import read_entry
from tests.service.outbox import DAY, DOWN, LATEST, OK, ONLY_B, Outbox, filled_world, news, signed

URL = "https://hook.example/in?token=capability"
HOOK = Hook(publication="latest", url=URL, secret="hush")


@pytest.fixture
async def outbox() -> Outbox:
    outbox = await Outbox(await filled_world(), hooks=(HOOK,)).take()
    await outbox.deliver()
    return outbox


def messages(outbox: Outbox, url: str = URL) -> list[dict[str, Any]]:
    """What the hook was told so far, which is forgotten then."""
    calls = outbox.caller.to(url)
    outbox.caller.calls = [call for call in outbox.caller.calls if call not in calls]
    return [json.loads(call.body) for call in calls]


def titles(outbox: Outbox, url: str = URL, part: str = "entries") -> list[str]:
    return [entry["title"] for message in messages(outbox, url) for entry in message[part]]


async def test_a_new_entry_is_told_as_the_api_shows_it_and_signed(outbox):
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    (call,) = outbox.caller.to(URL)
    message = json.loads(call.body)

    assert (call.method, call.url) == ("POST", URL)
    assert dict(call.headers)["Content-Type"] == "application/json"
    assert signed(call, "hush", "X-Aggregator-Signature")
    assert (message["publication"], message["updated"]) == ("latest", [])
    assert [entry["title"] for entry in message["entries"]] == ["Title a2"]
    assert {"id", "guid", "source", "link", "content_html", "excerpt"} <= set(message["entries"][0])


async def test_without_a_secret_nothing_is_signed(outbox):
    outbox.hooks = (replace(HOOK, url="https://plain.example/", secret=None),)
    await outbox.take()
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    (call,) = outbox.caller.to("https://plain.example/")
    assert [name for name, _ in call.headers] == ["Content-Type"]


async def test_what_was_there_before_the_hook_is_not_told(outbox):
    assert messages(outbox) == []
    await news(outbox.world, "a", "2")
    outbox.hooks = (HOOK, replace(HOOK, url="https://late.example/"))
    await outbox.take()
    await news(outbox.world, "a", "3", "2")
    await outbox.deliver()

    assert titles(outbox, "https://late.example/") == ["Title a3"]
    assert sorted(titles(outbox)) == ["Title a2", "Title a3"]


async def test_the_past_of_a_source_is_not_told(outbox):
    url = await outbox.world.add("c", intake=Intake(backfill=None))
    past = [
        read_entry(f"c{n}", link=f"https://c.example/{n}", published=outbox.world.clock.now() - DAY)
        for n in range(30)
    ]
    outbox.world.serves(url, *past)
    await outbox.world.poll("c")
    await outbox.deliver()

    assert messages(outbox) == []


async def test_an_entry_is_told_once_whatever_else_changes(outbox):
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    assert titles(outbox) == ["Title a2"]
    await news(outbox.world, "b", "2")
    await outbox.deliver()
    outbox.world.clock.pass_(days=9)
    await outbox.deliver()

    assert titles(outbox) == ["Title b2"]


async def test_an_edit_of_what_was_told_is_told_as_updated(outbox):
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    messages(outbox)
    edited = read_entry("a2", link="https://a.example/2", title="Better", text="Other words")
    outbox.world.serves("https://a.example/feed", edited)
    outbox.world.clock.pass_(hours=1)
    await outbox.world.poll("a")
    await outbox.deliver()

    (message,) = messages(outbox)
    assert message["entries"] == []
    assert [entry["title"] for entry in message["updated"]] == ["Better"]


async def test_a_change_that_does_not_show_is_not_told(outbox):
    await news(outbox.world, "a", "2")
    copy = read_entry("b9", link="https://a.example/2", title="Title a2", text="Text a2")
    outbox.world.serves("https://b.example/feed", copy)
    await outbox.world.poll("b")
    await outbox.deliver()
    (message,) = messages(outbox)
    assert message["entries"][0]["also_in"] == ["b"]

    edited = read_entry(
        "b9", link="https://a.example/2", title="Title a2", content_html="<p>Of a copy</p>"
    )
    outbox.world.serves("https://b.example/feed", edited)
    outbox.world.clock.pass_(hours=1)
    report = await outbox.world.poll("b")
    await outbox.deliver()

    assert report.entries_updated == 1
    assert messages(outbox) == []


async def test_an_edit_of_what_was_there_before_is_not_told(outbox):
    edited = read_entry("a1", link="https://a.example/1", title="Better", text="Other words")
    outbox.world.serves("https://a.example/feed", edited)
    outbox.world.clock.pass_(hours=1)
    await outbox.world.poll("a")
    await outbox.deliver()

    assert messages(outbox) == []


async def test_a_hook_hears_of_its_own_publication_only(outbox):
    outbox.hooks = (replace(HOOK, publication="only-b"),)
    await outbox.take()
    await news(outbox.world, "a", "2")
    await news(outbox.world, "b", "2")
    await outbox.deliver()

    (message,) = messages(outbox)
    assert message["publication"] == "only-b"
    assert [entry["source"] for entry in message["entries"]] == ["b"]


async def test_filters_hold_for_hooks_too(outbox):
    hiding = Filter(place=("publications", "latest"), exclude=(parse_rule("Title a3"),))
    outbox.publications = (replace(LATEST, filter=hiding), ONLY_B)
    await outbox.take()
    await news(outbox.world, "a", "2", "3", "4")
    await outbox.deliver()

    assert sorted(titles(outbox)) == ["Title a2", "Title a4"]


async def test_what_was_taken_down_is_not_told(outbox):
    await news(outbox.world, "a", "2", "3")
    store = outbox.world.store
    (hidden,) = [each for each in await store.stories(Selection(), limit=9) if "a2" in each.guid]
    await store.take_down(hidden.id, reason="", now=outbox.world.clock.now())
    await outbox.deliver()

    assert titles(outbox) == ["Title a3"]


async def test_a_story_is_news_when_a_source_of_the_publication_tells_it(outbox):
    outbox.hooks = (replace(HOOK, publication="only-b"),)
    await outbox.take()
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    assert messages(outbox) == []

    same = read_entry("b9", link="https://a.example/2", text="Text a2", title="Title a2")
    outbox.world.serves("https://b.example/feed", same)
    outbox.world.clock.pass_(hours=1)
    await outbox.world.poll("b")
    await outbox.deliver()

    assert titles(outbox) == ["Title a2"]


async def test_many_go_in_several_messages_of_bounded_size(outbox):
    names = [str(n) for n in range(2, 2 + 2 * MOST_IN_MESSAGE + 5)]
    await news(outbox.world, "a", *names)
    await outbox.deliver()
    told = messages(outbox)

    assert [len(message["entries"]) for message in told] == [MOST_IN_MESSAGE, MOST_IN_MESSAGE, 5]
    assert len({entry["id"] for message in told for entry in message["entries"]}) == len(names)


async def test_large_entries_go_in_fewer_a_message(outbox, monkeypatch):
    monkeypatch.setattr("aggregator.service.deliveries.webhooks.LARGEST_MESSAGE", 1)
    await news(outbox.world, "a", "2", "3")
    await outbox.deliver()

    assert [len(message["entries"]) for message in messages(outbox)] == [1, 1]


@pytest.mark.parametrize(
    "answer", [DOWN, Called(status=500, body=b""), Called(status=301, body=b"")]
)
async def test_what_failed_is_told_again_and_later_news_with_it(outbox, answer):
    outbox.caller.answers["https://hook.example/in"] = answer
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    assert titles(outbox) == ["Title a2"]
    await news(outbox.world, "a", "3", "2")
    await outbox.deliver()
    assert messages(outbox) == []  # not before its time

    outbox.caller.answers["https://hook.example/in"] = OK
    outbox.world.clock.pass_(seconds=30)
    await outbox.deliver()
    assert sorted(titles(outbox)) == ["Title a2", "Title a3"]
    outbox.world.clock.pass_(days=1)
    await outbox.deliver()
    assert messages(outbox) == []


async def test_an_answer_that_is_cut_off_counts_by_its_status(outbox):
    cut_off = Failed(kind="timeout", reason="no whole answer", status=200)
    outbox.caller.answers["https://hook.example/in"] = cut_off
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    outbox.world.clock.pass_(hours=2)
    await outbox.deliver()

    assert titles(outbox) == ["Title a2"]


async def test_a_restart_goes_on_where_the_hook_was(outbox):
    outbox.caller.answers["https://hook.example/in"] = DOWN
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    outbox.world.clock.pass_(minutes=1)
    heir = await Outbox(outbox.world, hooks=(HOOK,)).take()
    await heir.deliver()
    assert titles(heir) == ["Title a2"]

    again = await Outbox(outbox.world, hooks=(HOOK,)).take()
    await again.deliver()
    assert messages(again) == []


async def test_a_hook_that_fails_for_days_is_paused_told_and_not_lost(outbox):
    outbox.caller.answers["https://hook.example/in"] = DOWN
    await news(outbox.world, "a", "2")
    for _ in range(24 * 4):
        await outbox.deliver()
        outbox.world.clock.pass_(hours=1)
    tries = len(outbox.caller.to(URL))
    for _ in range(24 * 2):
        await outbox.deliver()
        outbox.world.clock.pass_(hours=1)

    assert len(outbox.caller.to(URL)) - tries == 2
    assert outbox.log.events[0] == "delivery failed"
    assert "delivery paused" in outbox.log.events
    assert "capability" not in repr(outbox.log.lines)
    outbox.caller.answers["https://hook.example/in"] = OK
    messages(outbox)
    outbox.world.clock.pass_(days=1)
    await outbox.deliver()
    assert titles(outbox) == ["Title a2"]
    assert outbox.log.events[-1] == "delivery works again"


async def test_a_hook_that_fails_blocks_no_other(outbox):
    outbox.hooks = (HOOK, replace(HOOK, url="https://other.example/"))
    await outbox.take()
    outbox.caller.answers["https://hook.example/in"] = DOWN
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert titles(outbox, "https://other.example/") == ["Title a2"]


async def test_two_processes_tell_an_entry_once(outbox):
    other = await Outbox(outbox.world, hooks=(HOOK,), caller=outbox.caller).take()
    await news(outbox.world, "a", "2")
    await outbox.delivering.sweep()
    await other.delivering.sweep()
    await outbox.deliver()
    await other.deliver()

    assert titles(outbox) == ["Title a2"]


async def test_a_hook_that_is_gone_from_the_configuration_is_told_nothing(outbox):
    outbox.hooks = ()
    await outbox.take()
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert outbox.caller.calls == []


def test_a_hook_shows_neither_address_nor_secret():
    assert "capability" not in repr(HOOK)
    assert "hush" not in repr(HOOK)
    assert "capability" not in repr(Call(method="POST", url=URL, user_agent="x"))


async def test_strangers_that_take_their_time_hold_up_no_hook(outbox, monkeypatch):
    monkeypatch.setattr("aggregator.service.deliveries.delivering.MOST_AT_ONCE", 3)
    for n in range(4):
        await outbox.subscribe(f"https://slow{n}.example/")
    outbox.caller.calls.clear()
    outbox.caller.held.clear()
    await news(outbox.world, "a", "2")
    await outbox.delivering.sweep()
    for _ in range(10):
        await asyncio.sleep(0)

    called = sorted(call.url for call in outbox.caller.calls)
    assert len(called) == 4
    assert called[0] == URL
    outbox.caller.held.set()
    await outbox.delivering.idle()


async def test_a_subscriber_cannot_ask_for_a_pause_in_the_name_of_a_hook(outbox):
    await outbox.subscribe("https://stranger.hook.example/")
    outbox.caller.answers["https://stranger.hook.example/"] = Called(
        status=503, body=b"", retry_after=timedelta(days=1)
    )
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    messages(outbox)
    await news(outbox.world, "a", "2", "3")
    await outbox.deliver()

    assert titles(outbox) == ["Title a3"]
