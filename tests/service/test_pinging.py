"""Somebody else's hub is told of what changed, and of nothing else."""

from urllib.parse import parse_qs

import pytest

from aggregator.core.wire import Called
from tests.service.outbox import DOWN, Outbox, filled_world, news

HUB = "https://hub.example/publish"
ENDINGS = ("atom", "json", "rss")
OF_LATEST = [f"https://p.example/feed.{ending}" for ending in ENDINGS]
OF_B = [f"https://p.example/publications/only-b.{ending}" for ending in ENDINGS]


@pytest.fixture
async def outbox() -> Outbox:
    """A process that has announced everything that there is."""
    outbox = await Outbox(await filled_world(), hub_setting=HUB).take()
    await outbox.deliver()
    return outbox


def topics(outbox: Outbox) -> list[str]:
    """Of all calls so far, which are forgotten then."""
    called = [parse_qs(call.body.decode())["hub.url"][0] for call in outbox.caller.to(HUB)]
    outbox.caller.calls.clear()
    return sorted(called)


async def test_b5_publisher_a_changed_document_is_announced_to_its_hub(outbox):
    outbox.caller.calls.clear()
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    call = outbox.caller.to(HUB)[0]
    fields = parse_qs(call.body.decode())

    assert (call.method, call.url) == ("POST", HUB)
    assert dict(call.headers) == {"Content-Type": "application/x-www-form-urlencoded"}
    assert fields["hub.mode"] == ["publish"]
    assert fields["hub.url"] == fields["hub.topic"]
    assert topics(outbox) == OF_LATEST


async def test_b5_publisher_every_publication_is_announced_once_to_a_new_hub(outbox):
    assert topics(outbox) == OF_LATEST + OF_B


async def test_b5_publisher_what_did_not_change_is_not_announced(outbox):
    outbox.caller.calls.clear()
    await outbox.world.poll("a")
    await outbox.deliver()
    outbox.world.clock.pass_(days=1)
    await outbox.deliver()

    assert outbox.caller.calls == []


async def test_b5_publisher_a_restart_announces_only_what_changed_meanwhile(outbox):
    same = await Outbox(outbox.world, hub_setting=HUB).take()
    await same.deliver()
    assert same.caller.calls == []

    await news(outbox.world, "a", "2")
    later = await Outbox(outbox.world, hub_setting=HUB).take()
    await later.deliver()
    assert topics(later) == OF_LATEST


@pytest.mark.parametrize("answer", [DOWN, Called(status=500, body=b"")])
async def test_b5_publisher_an_announcement_that_failed_is_made_again(outbox, answer):
    outbox.caller.calls.clear()
    outbox.caller.answers[HUB] = answer
    await news(outbox.world, "a", "2")
    await outbox.deliver()
    assert topics(outbox) == OF_LATEST
    await outbox.deliver()
    assert topics(outbox) == []  # not before its time

    del outbox.caller.answers[HUB]
    outbox.world.clock.pass_(seconds=11)
    await outbox.deliver()
    assert topics(outbox) == OF_LATEST


async def test_b5_publisher_a_hub_that_is_down_for_weeks_is_told_in_the_end(outbox):
    outbox.caller.answers[HUB] = DOWN
    await news(outbox.world, "a", "2")
    for _ in range(21):
        await outbox.deliver()
        outbox.world.clock.pass_(days=1)
    outbox.caller.calls.clear()
    del outbox.caller.answers[HUB]
    await outbox.deliver()

    assert topics(outbox) == OF_LATEST


async def test_b5_publisher_publishing_does_not_wait_for_the_hub(outbox):
    outbox.caller.held.clear()
    await news(outbox.world, "a", "2")
    await outbox.delivering.sweep()
    document = await outbox.publisher.document(outbox.publications[0], "atom")

    assert b"Title a2" in document.body
    outbox.caller.held.set()
    await outbox.delivering.idle()


async def test_a_look_from_before_another_process_announced_announces_nothing_twice(
    outbox, monkeypatch
):
    outbox.caller.calls.clear()

    async def stale(topics):
        return dict.fromkeys(topics, "as it was")

    monkeypatch.setattr(outbox.topics, "marks", stale)
    await outbox.delivering.sweep()
    await outbox.delivering.idle()

    assert outbox.caller.calls == []


async def test_without_a_hub_nobody_is_told(outbox):
    outbox.hub_setting = ""
    await outbox.take()
    outbox.caller.calls.clear()
    await news(outbox.world, "a", "2")
    await outbox.deliver()

    assert outbox.caller.calls == []
    assert await outbox.world.store.delivery_topics("ping") == []
