"""The hub's address: what subscribers are told, and what nobody can do there."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from aggregator.core.errors import StoreError
from aggregator.core.hub import Refusal
from aggregator.web.app import create_app
from aggregator.web.hub import FORM, LARGEST_REQUEST, PER_MINUTE
from tests.fakes import FakeClock
from tests.web.fakes import FakeHealth, FakePublisher, Guestbook, Reports, no_lists, no_news

ASKED = {"hub.mode": "subscribe", "hub.topic": "https://p.example/é", "hub.callback": "x"}


class FakeHub:
    def __init__(self) -> None:
        self.is_open = True
        self.asked: list[Mapping[str, str]] = []
        self.answer: Refusal | None = None
        self.failing: Exception | None = None

    async def accept(self, form: Mapping[str, str]) -> Refusal | None:
        if self.failing:
            raise self.failing
        self.asked.append(form)
        return self.answer


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def client(hub, clock):
    app = create_app(
        FakePublisher(),
        FakeHealth(),
        clock=clock,
        report=Reports(),
        audience=Guestbook(),
        lists=no_lists(),
        news=no_news,
        stop=asyncio.Event(),
        hub=hub,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://p.example") as client:
        yield client


async def test_b5_hub_a_valid_request_is_accepted_with_202(client, hub):
    answer = await client.post("/hub", data=ASKED)

    assert (answer.status_code, answer.headers["content-type"]) == (
        202,
        "text/plain; charset=utf-8",
    )
    assert hub.asked == [ASKED]


async def test_b5_hub_a_refusal_says_in_plain_text_what_is_wrong(client, hub):
    hub.answer = Refusal("hub.topic is none of ours", 404)
    answer = await client.post("/hub", data=ASKED)

    assert (answer.status_code, answer.text) == (404, "hub.topic is none of ours\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


async def test_the_first_of_two_fields_of_one_name_counts(client, hub):
    await client.post("/hub", content="a=1&a=2&b=", headers={"content-type": FORM})

    assert hub.asked == [{"a": "1", "b": ""}]


@pytest.mark.parametrize(
    ("content", "type", "status"),
    [
        (b"hub.mode=subscribe", "text/plain", 415),
        (b'{"hub.mode":"subscribe"}', "application/json", 415),
        (b"a=" + b"x" * LARGEST_REQUEST, FORM, 413),
        (b"&".join([b"a=1"] * 60), FORM, 400),
        (b"a=%FF", FORM, 400),
        (b"a=\xff", FORM, 400),
    ],
)
async def test_b5_hub_what_is_no_form_is_refused(client, hub, content, type, status):
    answer = await client.post("/hub", content=content, headers={"content-type": type})

    assert (answer.status_code, hub.asked) == (status, [])
    assert answer.text.endswith("\n")


async def test_the_form_may_name_its_charset(client):
    headers = {"content-type": f"{FORM.title()}; charset=UTF-8"}

    assert (await client.post("/hub", content="a=1", headers=headers)).status_code == 202


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_only_looks_is_told_how_to_ask(client, hub, method):
    answer = await client.request(method, "/hub")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or "hub.callback" in answer.text
    assert hub.asked == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_do_nothing(client, hub, method):
    answer = await client.request(method, "/hub", data=ASKED)

    assert (answer.status_code, hub.asked) == (405, [])


async def test_no_page_of_another_site_may_read_the_answer(client):
    answer = await client.post("/hub", data=ASKED, headers={"origin": "https://evil.example"})

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_without_an_own_hub_there_is_nothing(client, hub, method):
    hub.is_open = False

    assert (await client.request(method, "/hub")).status_code == 404
    assert hub.asked == []


async def test_a_client_that_asks_too_often_has_to_wait(client, hub, clock):
    answers = [await client.post("/hub", data=ASKED) for _ in range(PER_MINUTE + 1)]

    assert [answer.status_code for answer in answers] == [202] * PER_MINUTE + [429]
    assert answers[-1].headers["retry-after"] == "1"
    assert len(hub.asked) == PER_MINUTE
    clock.pass_(seconds=1)
    assert (await client.post("/hub", data=ASKED)).status_code == 202


async def test_a_database_out_of_reach_is_no_fault_of_the_subscriber(client, hub):
    hub.failing = StoreError("gone")
    answer = await client.post("/hub", data=ASKED)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
