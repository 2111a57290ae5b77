import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from aggregator import __version__
from aggregator.core.errors import StoreError
from aggregator.core.filters import Filter, Filters
from aggregator.core.model import Enclosure, Person
from aggregator.core.publication import Publication, Site
from aggregator.core.rules import parse_rule
from aggregator.service.catalogue import Catalogue
from aggregator.service.changes import Changes
from aggregator.service.entry_lists import EntryLists, Scope
from aggregator.service.publishing import Publisher
from aggregator.service.revisions import Revisions
from aggregator.web.api import PARAMETERS
from aggregator.web.app import create_app
from aggregator.web.cursors import change_cursor
from tests.builders import ago, read_entry
from tests.service.world import World
from tests.web.fakes import FakeHealth, Guestbook, Reports
from tests.web.schema import faults

LATEST = Publication(slug="latest", title="Latest", path="")
ONLY_B = Publication(slug="only-b", title="B", path="publications/only-b", sources=frozenset("b"))
HIDING = Filters(everywhere=Filter(exclude=(parse_rule("title: advert"),)))
SITE = Site(title="Latest", url="https://planet.example/sub/")


class Planet:
    """Two sources with entries, and what the web makes of them."""

    def __init__(self) -> None:
        self.world = World()
        self.reports = Reports()
        self.publisher = Publisher(
            store=self.world.store,
            clock=self.world.clock,
            catalogue=self.catalogue(),
            complain=self.reports,
        )
        self.lists = EntryLists(
            store=self.world.store, clock=self.world.clock, catalogue=self.catalogue()
        )
        self.changes = Changes(Revisions(self.world.store, self.world.clock), self.reports)
        self.stop = asyncio.Event()
        self.app = create_app(
            self.publisher,
            FakeHealth(),
            clock=self.world.clock,
            report=self.reports,
            audience=Guestbook(),
            lists=self.lists,
            news=self.changes.following,
            stop=self.stop,
        )

    def catalogue(self, filters: Filters = HIDING) -> Catalogue:
        return Catalogue(
            site=SITE,
            publications=(LATEST, ONLY_B),
            names={"a": "A", "b": "B"},
            tags={"z": frozenset("a"), "x": frozenset("a")},
            tags_of={"a": ("z", "x")},
            filters=filters,
        )

    async def says(self, key: str, *names: str, **changes) -> None:
        """The source has these entries from now on, the first of them the newest."""
        entries = [
            read_entry(
                name, link=f"https://{key}.example/{name}", published=ago(days=n + 1), **changes
            )
            for n, name in enumerate(names)
        ]
        self.world.serves(f"https://{key}.example/feed", *entries)
        await self.world.poll(key)


@pytest.fixture
async def planet() -> Planet:
    planet = Planet()
    await planet.world.add("a")
    await planet.world.add("b")
    await planet.says("a", *(f"a{n}" for n in range(7)))
    await planet.says("b", "b0", "b1", "advert")
    return planet


@pytest.fixture
async def client(planet) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(planet.app), base_url="http://evil.example"
    ) as client:
        yield client


async def ask(client: httpx.AsyncClient, path: str = "/api/entries", **parameters):
    answer = await client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def every_part(client: httpx.AsyncClient, **parameters) -> list[dict[str, Any]]:
    parts = [await ask(client, **parameters)]
    while cursor := parts[-1]["next_cursor"]:
        parts.append(await ask(client, **{**parameters, "cursor": cursor}))
    return parts


def titles(*parts: dict[str, Any]) -> list[str]:
    return [
        entry.get("title", "deleted").removeprefix("Title ")
        for part in parts
        for entry in part["entries"]
    ]


async def test_entries_come_newest_first_part_by_part(client):
    parts = await every_part(client, limit=4)

    assert [len(part["entries"]) for part in parts] == [4, 4, 1]
    assert sorted(titles(*parts)) == [*(f"a{n}" for n in range(7)), "b0", "b1"]
    assert parts[0]["entries"][0]["published"] == "2026-02-28T12:00:00Z"


async def test_an_empty_parameter_asks_for_nothing(client):
    empty = dict.fromkeys(PARAMETERS, "")

    assert await ask(client, **empty) == await ask(client)
    assert len((await ask(client))["entries"]) == 9


async def test_parts_stay_as_they_were_when_entries_come_in(client, planet):
    first = await ask(client, limit=4)
    await planet.says("a", "new1", "new2", "a0")
    rest = await every_part(client, limit=4, cursor=first["next_cursor"])

    assert len(set(titles(first, *rest))) == len(titles(first, *rest)) == 9


async def test_entries_of_a_publication_a_source_and_about_something(client):
    assert titles(await ask(client, publication="only-b")) == ["b0", "b1"]
    assert titles(await ask(client, source="b")) == ["b0", "b1"]
    assert titles(await ask(client, source="a", publication="only-b")) == []
    assert titles(await ask(client, q="text a3")) == ["a3"]


@pytest.mark.parametrize("parameters", [{}, {"publication": "latest"}, {"q": "advert"}])
async def test_what_no_feed_shows_is_not_told(client, parameters):
    assert "advert" not in titles(await ask(client, **parameters))


async def test_changes_are_told_from_a_cursor_on(client, planet):
    start = (await ask(client))["changes_cursor"]
    nothing = await ask(client, changed_since=start)
    await planet.says("a", "new", "a0", content_html="<p>Other words</p>")
    await planet.says("b", "b0", title="Advert")
    changed = await every_part(client, changed_since=start, limit=2)
    later = await ask(client, changed_since=changed[-1]["changes_cursor"])

    assert nothing["entries"] == later["entries"] == []
    assert titles(*changed) == ["a0", "new", "deleted"]
    assert changed[-1]["entries"][-1].keys() == {"id", "deleted"}


async def test_changes_are_told_from_a_time_on(client, planet):
    planet.world.clock.pass_(hours=1)
    await planet.says("b", "b7")

    for moment in ("2026-03-01T12:30:00Z", "2026-03-01T13:30:00+01:00"):
        assert titles(await ask(client, changed_since=moment)) == ["b7"]
    assert len(titles(await ask(client, changed_since="1970-01-01T00:00:00Z"))) == 10


async def test_a_cursor_of_other_rules_has_expired(client, planet):
    start = (await ask(client))["changes_cursor"]
    planet.lists.take(planet.catalogue(filters=Filters()))
    answer = await client.get("/api/entries", params={"changed_since": start})

    assert answer.status_code == 410
    assert "take all entries anew" in answer.json()["error"]


async def test_a_cursor_of_a_database_that_is_further_on_has_expired(client):
    ahead = Planet()
    await ahead.world.add("a")
    await ahead.world.add("b")
    for n in range(20):
        await ahead.says("a", f"a{n}")
    cursor = change_cursor(await ahead.lists.end(), ahead.lists.view(Scope()))
    answer = await client.get("/api/entries", params={"changed_since": cursor})

    assert answer.status_code == 410


BAD = [
    ("limit=0", "limit must be a whole number from 1 to 500"),
    ("limit=501", "limit must be a whole number from 1 to 500"),
    ("limit=-1", "limit must be"),
    ("limit=many", "limit must be"),
    ("limit=1.5", "limit must be"),
    ("limit=%D9%A3", "limit must be"),
    ("cursor=nonsense", "no cursor of ours"),
    ("cursor=%00%FF", "no cursor of ours"),
    ("changed_since=yesterday", "no cursor of ours"),
    ("changed_since=2026-03-01", "a time such as"),
    ("curser=x", "did you mean cursor?"),
    ("page=2", "there are changed_since, cursor, limit"),
    ("limit=1&limit=2", "limit stands there twice"),
    ("changed_since=1970-01-01T00:00:00Z&q=x", "leave out q"),
]


@pytest.mark.parametrize(("query", "sentence"), BAD)
async def test_a_question_that_makes_no_sense_is_told_what_to_do(client, query, sentence):
    answer = await client.get(f"/api/entries?{query}")

    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_list_and_its_changes_have_different_cursors(client):
    cursor = (await ask(client, limit=1))["next_cursor"]

    for parameters in (
        {"changed_since": cursor},
        {"changed_since": "1970-01-01T00:00:00Z", "cursor": cursor},
    ):
        assert (await client.get("/api/entries", params=parameters)).status_code == 400


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/api/entries?publication=none", "there are latest, only-b"),
        ("/api/entries?source=none", "/api/sources lists them"),
        ("/api/nothing", "/api/openapi.json lists"),
        ("/api/", "/api/openapi.json lists"),
    ],
)
async def test_what_is_not_there_is_a_404(client, address, sentence):
    answer = await client.get(address)

    assert answer.status_code == 404
    assert sentence in answer.json()["error"]


async def test_sources_are_told_with_their_tags_in_order(client):
    rows = (await ask(client, "/api/sources"))["sources"]

    assert [(row["key"], row["tags"], row["state"]) for row in rows] == [
        ("a", ["z", "x"], "active"),
        ("b", [], "active"),
    ]


ADDRESSES = ["/api/entries", "/api/sources", "/api/openapi.json"]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_answers_are_open_conditional_and_soon_stale(client, address):
    first = await client.get(address)
    again = await client.get(address, headers={"if-none-match": first.headers["etag"]})
    head = await client.head(address)

    assert first.headers["content-type"] == "application/json"
    assert first.headers["access-control-allow-origin"] == "*"
    assert first.headers["cache-control"] == "public, max-age=10"
    assert (again.status_code, again.content) == (304, b"")
    assert (head.headers["content-length"], head.content) == (first.headers["content-length"], b"")


async def test_the_api_can_only_be_read(client):
    answer = await client.post("/api/entries")

    assert answer.status_code == 405
    assert answer.json() == {"error": "method not allowed"}


async def test_a_database_that_does_not_answer_is_told_and_reported(client, planet, monkeypatch):
    async def break_down() -> None:
        raise StoreError("no such table: secret")

    monkeypatch.setattr(planet.world.store, "revision", break_down)
    answer = await client.get("/api/entries")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert "secret" not in answer.text
    assert [request for request, _ in planet.reports.heard] == ["GET /api/entries"]


async def test_a_failure_of_ours_is_told_as_json_and_reported(client, planet, monkeypatch):
    async def break_down() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(planet.world.store, "revision", break_down)
    answer = await client.get("/api/entries")

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/json")
    assert answer.json()["error"].startswith("something went wrong here")
    assert len(planet.reports.heard) == 1


async def test_a_text_that_utf_8_cannot_hold_spoils_nothing(client, planet):
    await planet.says("a", "bad", title="a\ud800b")

    assert "a\ud800b" in titles(await ask(client))


@pytest.fixture
async def document(client) -> Any:
    return await ask(client, "/api/openapi.json")


async def test_the_description_names_the_site_and_this_version(document):
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["version"] == __version__
    assert document["servers"] == [{"url": "https://planet.example/sub"}]


async def test_every_address_of_the_api_is_described_and_no_other(planet, document):
    routed = {
        route.path
        for route in planet.app.routes
        if isinstance(route, Route) and route.path.startswith("/api/") and "{" not in route.path
    }

    assert set(document["paths"]) == routed


async def test_every_parameter_is_described_and_no_other(client, document):
    for path, item in document["paths"].items():
        parameters = item["get"].get("parameters", ())
        described = {each["name"] for each in parameters if each["in"] == "query"}
        sentence = (await client.get(path, params={"§": ""})).json().get("error", "")
        known = set(re.findall(r"\w+", sentence.partition("there are")[2]))
        assert described == known, path


def schema_of(document: Any, path: str, status: int) -> Any:
    answer = document["paths"][path]["get"]["responses"][str(status)]
    return answer["content"]["application/json"]["schema"]


async def test_answers_are_as_described(client, planet, document):
    await planet.says(
        "a",
        "full",
        authors=(Person(name="Ann"),),
        enclosures=(Enclosure(url="https://a.example/1.mp3", type="audio/mpeg", length=5),),
        categories=("x",),
        language="en",
        image="https://a.example/i.png",
        summary="S",
    )
    start = (await ask(client))["changes_cursor"]
    await planet.says("b", "b0", title="Advert")
    for address in (
        "/api/entries",
        "/api/entries?limit=1",
        f"/api/entries?changed_since={start}",
        "/api/sources",
        "/api/openapi.json",
        "/api/entries?limit=0",
        "/api/entries?source=none",
        "/api/sources?x=1",
    ):
        answer = await client.get(address)
        schema = schema_of(document, address.partition("?")[0], answer.status_code)
        assert faults(document, schema, answer.json(), address) == []


async def test_the_check_finds_what_is_not_as_described(document):
    schema = document["components"]["schemas"]["Error"]

    wrongs: list[Any] = [{}, {"error": 1}, {"error": "x", "more": 1}, [], None]
    for wrong in wrongs:
        assert faults(document, schema, wrong)


async def test_examples_are_as_described(document):
    content = document["paths"]["/api/entries"]["get"]["responses"]["200"]["content"]
    examples = content["application/json"]["examples"].values()

    for example in examples:
        assert faults(document, schema_of(document, "/api/entries", 200), example["value"]) == []


def test_the_user_documentation_names_every_field():
    text = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
    document = json.loads(
        (Path(__file__).parents[2] / "aggregator/web/static/openapi.json").read_text("utf-8")
    )

    for name in ("Entry", "Source", "Entries"):
        for field in document["components"]["schemas"][name]["properties"]:
            assert f"`{field}`" in text, field
