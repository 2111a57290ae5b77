"""The addresses that hubs call."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from aggregator.core.errors import StoreError
from aggregator.service.pushes.receiving import Receiver
from aggregator.web.app import create_app
from tests.builders import read_entry
from tests.fakes import FakeClock
from tests.scripted_hub import signed
from tests.service.hub_world import HubWorld
from tests.web.fakes import FakeHealth, FakePublisher, Guestbook, Reports, no_lists, no_news


@pytest.fixture
def world():
    return HubWorld()


def app(receiver: Receiver | None, reports: Reports) -> Starlette:
    return create_app(
        FakePublisher(),
        FakeHealth(),
        clock=FakeClock(),
        report=reports,
        audience=Guestbook(),
        lists=no_lists(),
        news=no_news,
        stop=asyncio.Event(),
        receiver=receiver,
    )


def site(receiver: Receiver | None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app(receiver, Reports()))
    return httpx.AsyncClient(transport=transport, base_url="https://us.example")


@pytest.fixture
async def client(world) -> AsyncIterator[httpx.AsyncClient]:
    async with site(world.receiver) as client:
        yield client


async def pending(world):
    await world.offering("a", read_entry("1"))
    await world.tend()
    return (await world.callbacks())[0]


def question(callback, **changes) -> dict[str, str]:
    said = {"mode": "subscribe", "topic": callback.topic, "challenge": "<i>1", "lease_seconds": "9"}
    return {f"hub.{name}": value for name, value in {**said, **changes}.items()}


async def test_b5_subscriber_the_answer_to_a_hubs_question_is_its_challenge(world, client):
    callback = await pending(world)

    answer = await client.get(callback.url, params=question(callback))

    assert (answer.status_code, answer.content) == (200, b"<i>1")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


async def test_b5_subscriber_205_a_question_about_something_else_is_not_found(world, client):
    callback = await pending(world)

    for wrong in ({"topic": "https://b.example/"}, {"mode": "unsubscribe"}, {"challenge": ""}):
        answer = await client.get(callback.url, params=question(callback, **wrong))
        assert answer.status_code == 404
    assert (await client.get(callback.url)).status_code == 404
    assert (await world.hub()).state == "pending"


@pytest.mark.parametrize(
    "token", ["guessed", "x" * 5000, "%F0%9F%9A%80", "..%2f", "a/b", "", "%00"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_b5_subscriber_an_unknown_callback_is_not_found(
    world, client, monkeypatch, method, token
):
    async def asked(token):
        if "\0" in token:
            raise StoreError("PostgreSQL holds no NUL")

    monkeypatch.setattr(world.store, "callback", asked)

    assert (await client.request(method, f"/websub/{token}")).status_code == 404


async def test_nothing_else_can_be_done_there(world, client):
    callback = await pending(world)

    for method in ("PUT", "DELETE", "PATCH"):
        assert (await client.request(method, callback.url)).status_code == 405


async def test_b5_subscriber_300_a_push_is_acknowledged(world, client):
    callback = await world.subscribed("a", read_entry("1"))
    body = world.put_on_the_shelf(read_entry("2"))
    for signature in (f"sha1={signed(body, callback.secret, 'sha1')}", "sha1=wrong", None):
        headers = {"X-Hub-Signature": signature} if signature else {}
        answer = await client.post(callback.url, content=body, headers=headers)

        assert (answer.status_code, answer.content) == (202, b"")

    await world.receiver.idle()
    assert world.notebook.pushes == [("a", 1, 0)]


async def test_b5_subscriber_a_callback_of_an_ended_subscription_is_gone(world, client):
    callback = await world.subscribed("a", read_entry("1"))
    await world.subscriber.take(None)
    await world.tend()

    answer = await client.post(callback.url, content=b"<rss/>")

    assert answer.status_code == 410


async def test_a_body_that_is_too_large_and_one_too_many_are_refused(world, client):
    callback = await world.subscribed("a", read_entry("1"))
    small = {"X-Hub-Signature": f"sha256={signed(b'x', callback.secret)}"}
    policy = world.policies["a"]
    world.policies["a"] = replace(policy, max_body=1)
    assert (await client.post(callback.url, content=b"xx")).status_code == 413

    answers = [await client.post(callback.url, content=b"x", headers=small) for _ in range(20)]

    assert {answer.status_code for answer in answers} == {202, 503}
    assert answers[-1].headers["retry-after"]


async def test_a_body_that_is_not_wanted_is_read_to_its_end(world, client):
    """Many clients read no answer before they have sent everything."""
    callback = await world.subscribed("a", read_entry("1"))
    world.policies["a"] = replace(world.policies["a"], max_body=1)
    sent = []

    async def body() -> AsyncIterator[bytes]:
        for number in range(10):
            sent.append(number)
            yield b"x" * 1000

    assert (await client.post(callback.url, content=body())).status_code == 413
    assert len(sent) == 10


async def test_a_denial_is_heard(world, client):
    callback = await pending(world)

    answer = await client.get(
        callback.url, params={**question(callback, mode="denied"), "hub.reason": "no"}
    )

    assert (answer.status_code, answer.content) == (200, b"")
    assert (await world.hub()).error == "the hub denied it: no"


async def test_without_subscriptions_the_addresses_do_not_exist():
    async with site(None) as client:
        assert (await client.post("/websub/x")).status_code == 404


class _Hub:
    """Calls, and hangs up in the middle of its push."""

    def __init__(self, url: str) -> None:
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": urlsplit(url).path,
            "query_string": b"",
            "headers": [],
        }
        self.answers: list[object] = []
        self._says = iter([{"type": "http.request", "body": b"<fe", "more_body": True}])

    async def receive(self):
        return next(self._says, {"type": "http.disconnect"})

    async def send(self, message) -> None:
        self.answers.append(message)


async def test_a_hub_that_hangs_up_in_the_middle_is_no_fault_of_ours(world):
    callback = await pending(world)
    reports, hub = Reports(), _Hub(callback.url)

    await app(world.receiver, reports)(hub.scope, hub.receive, hub.send)

    assert (reports.heard, hub.answers) == ([], [])
    assert world.receiver._bytes == 0


@pytest.mark.parametrize("fault", [StoreError("gone"), RuntimeError("a fault")])
async def test_no_failure_tells_the_address_that_a_hub_calls(world, monkeypatch, fault):
    async def broken(_):
        raise fault

    callback = await pending(world)
    monkeypatch.setattr(world.store, "callback", broken)
    reports = Reports()
    transport = httpx.ASGITransport(app(world.receiver, reports))
    async with httpx.AsyncClient(transport=transport, base_url="https://us.example") as client:
        await client.get(callback.url)

    assert reports.heard == [("GET /websub/…", fault)]
