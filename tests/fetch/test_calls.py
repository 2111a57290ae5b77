from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from aggregator.core.wire import Call, Called, Failed
from aggregator.fetch.calls import HttpCaller
from aggregator.fetch.resolver import Resolver
from tests.fetch.dialling import dialling
from tests.fetch.server import reply, serving
from tests.patience import PATIENCE, at_some_pace

pytestmark = pytest.mark.usefixtures("over_both")

NOON = datetime(1994, 11, 6, 12, 0, 0, tzinfo=UTC)
LOOPBACK = (ip_network("127.0.0.0/8"),)
DIALLING = dialling(Resolver())


def posting(url: str, **changes) -> Call:
    facts = {
        "method": "POST",
        "url": url,
        "body": b"a=b",
        "user_agent": "agent/1",
        "timeout": PATIENCE,
    }
    return Call(**{**facts, **changes})


@pytest.fixture
async def caller():
    made = HttpCaller(allow_networks=LOOPBACK, now=lambda: NOON, transports=DIALLING)
    yield made
    await made.aclose()


async def test_a_call_brings_its_headers_and_the_answer_back(caller):
    async with serving({"/hook": reply("202 Accepted", b"thanks")}) as server:
        call = posting(server.url("/hook"), headers=(("X-Sign", "1"),))
        answer = await caller.call(call)

    assert answer == Called(status=202, body=b"thanks")
    assert answer.accepted
    assert server.asked[0].headers["x-sign"] == "1"
    assert server.asked[0].headers["content-length"] == "3"
    assert server.asked[0].headers["user-agent"] == "agent/1"


async def test_a_redirect_is_an_answer_and_not_followed(caller):
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
    async with serving({"/hook": moved}) as server:
        answer = await caller.call(posting(server.url("/hook")))

    assert isinstance(answer, Called)
    assert (answer.status, answer.location, answer.accepted) == (307, "/other", False)
    assert len(server.asked) == 1


async def test_a_server_may_ask_for_a_pause(caller):
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n"
    async with serving({"/hook": busy}) as server:
        answer = await caller.call(posting(server.url("/hook")))

    assert isinstance(answer, Called)
    assert answer.retry_after == timedelta(seconds=30)


async def test_a_private_address_is_refused_unless_it_is_opened():
    closed = HttpCaller(now=lambda: NOON, transports=DIALLING)
    async with serving({"/hook": reply("200 OK")}) as server:
        answer = await closed.call(posting(server.url("/hook")))
    await closed.aclose()

    assert isinstance(answer, Failed)
    assert answer.kind == "blocked"
    assert server.asked == []


@pytest.mark.parametrize(
    ("named_by", "asked"),
    [
        ((), 1),
        (("http://127.0.0.9/feed",), 1),
        (("http://localhost/feed", "http://127.0.0.9/hub"), 1),
        (("https://a.example/feed",), 0),
        (("http://127.0.0.9/feed", "https://hub.example/"), 0),
        (("http://10.0.0.1/feed",), 0),
    ],
)
async def test_an_opened_network_is_open_to_what_is_named_from_inside_it(caller, named_by, asked):
    async with serving({"/hook": reply("200 OK")}) as server:
        answer = await caller.call(posting(server.url("/hook"), named_by=named_by))

    assert isinstance(answer, Called if asked else Failed)
    assert len(server.asked) == asked


@pytest.mark.parametrize(
    ("changes", "kind"),
    [({"max_body": 3}, "too_large"), ({"url": "ftp://a.example/"}, "blocked")],
)
async def test_what_goes_wrong_is_a_value(caller, changes, kind):
    async with serving({"/hook": reply("200 OK", b"a long answer")}) as server:
        answer = await caller.call(posting(**{"url": server.url("/hook"), **changes}))

    assert isinstance(answer, Failed)
    assert answer.kind == kind


async def test_of_an_answer_without_a_whole_body_the_status_is_known(caller):
    async with serving({"/long": reply("200 OK", b"a long answer")}) as server:
        answer = await caller.call(posting(server.url("/long"), max_body=3))

    assert isinstance(answer, Failed)
    assert (answer.kind, answer.status) == ("too_large", 200)


async def test_of_an_answer_that_does_not_go_on_the_status_is_known(caller):
    cut_off = b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nthanks"

    async def attempt(within: float) -> None:
        async with serving({"/cut": cut_off}) as server:
            answer = await caller.call(posting(server.url("/cut"), timeout=within))

        assert isinstance(answer, Failed)
        assert (answer.kind, answer.status) == ("timeout", 202)

    await at_some_pace(attempt, 0.1, 1.0, 20.0)
