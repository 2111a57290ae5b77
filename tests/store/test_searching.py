"""What is found, on every store alike, and that the index says what the entries say."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from aggregator.core.model import Person
from aggregator.core.searching import parse_query
from aggregator.service.ports import Selection
from aggregator.store.searching import says
from aggregator.store.sql import open_store
from tests.builders import NOON
from tests.store.steps import HOUR, configure, edit_of, poll, story, titles, unsafe

ENTRIES: dict[str, dict[str, Any]] = {
    "ml": {"title": "机器学习入门", "text": "深度学习与 Python 教程"},
    "tokyo": {"title": "東京の天気", "text": "今日は晴れ"},
    "korean": {"title": "뉴스", "text": "한국어를 배우는 사람들"},
    "thai": {"title": "ข่าว", "text": "ภาษาไทยง่ายมาก"},
    "cafe": {"title": "Le Café de Łódź", "text": "Don't panic: C++ and C# at NEAR/2"},
    "empty": {"title": "", "text": "", "summary": "only a summary"},
    "people": {
        "title": "By somebody",
        "text": "x",
        "authors": (Person(name="Zoë Müller"),),
        "categories": ("Rust lang",),
    },
}

FINDS = [
    ("机器学习", {"ml"}),
    ("深度", {"ml"}),
    ("习", {"ml"}),
    ("器学 度学", {"ml"}),
    ("器习", set()),
    ("python 教程", {"ml"}),
    ("Python教程", {"ml"}),
    ("教程 python", {"ml"}),
    ("教程python", set()),
    ("東京", {"tokyo"}),
    ("京", {"tokyo"}),
    ("天気", {"tokyo"}),
    ("한국어", {"korean"}),
    ("ภาษา", {"thai"}),
    ("ไทย", {"thai"}),
    ("CAFE", {"cafe"}),
    ("café lodz", {"cafe"}),
    ("cafe python", set()),
    ("caf", set()),
    ("caf*", {"cafe"}),
    ("C++", {"cafe"}),
    ("C#", {"cafe"}),
    ("don't", {"cafe"}),
    ('"panic c"', {"cafe"}),
    ('"c panic"', set()),
    ("-somebody rust", set()),
    ("-panic rust", {"people"}),
    ("müller", {"people"}),
    ("muller -rust", set()),
    ('"rust lang"', {"people"}),
    ('"somebody x"', set()),  # no phrase reaches from one field into the next
    ("only summary", {"empty"}),
    ("NEAR/2", {"cafe"}),
    ("", set(ENTRIES)),
    (" ", set(ENTRIES)),
    ("*", set()),
    ("( ' \\ % _ : ; {", set()),
    ("🎉", set()),
    ('"', set()),
    ("-", set()),
    ("a AND (b", set()),
    ('"unbalanced', set()),
    ("text:panic", set()),
    ("words : panic", set()),
    ("panic NOT", set()),
    ("\x00", set()),
    ("x" * 5000, set()),
    ("z " * 5000, set()),
]


@pytest.mark.parametrize(("search", "found"), FINDS)
async def test_a_search_finds(store, search, found):
    await configure(store, "a")
    new = [unsafe(story(name), **said) for name, said in ENTRIES.items()]
    await poll(store, "a", *new)

    selection = Selection(search=search)
    shown = await store.stories(selection, limit=10)

    assert {entry.guid.removeprefix("guid-") for entry in shown} == found
    assert await store.count_stories(selection) == len(found)
    assert await store.stories(Selection(search=search, sources={"b"}), limit=10) == []


async def test_a_story_is_found_by_any_of_its_sources_that_is_asked_for(store):
    await configure(store, "a", "b")
    link = "https://a.example/same"
    await poll(store, "a", story("1", title="First", text="alpha", link=link))
    await poll(store, "b", story("2", title="Second", text="beta", link=link))

    assert await titles(store, Selection(search="beta")) == ["First"]
    assert await titles(store, Selection(search="beta", sources={"b"})) == ["First"]
    assert await titles(store, Selection(search="beta", sources={"a"})) == []
    assert await titles(store, Selection(search="alpha beta")) == []


async def test_an_edited_entry_is_found_by_what_it_says_now(store):
    await configure(store, "a")
    item = story("1", title="Old news", text="before")
    claimed = await poll(store, "a", item)
    edit = await edit_of(store, claimed, item, title="New 标题", text="after")
    await poll(store, "a", edited=(edit,))

    assert await titles(store, Selection(search="before")) == []
    assert await titles(store, Selection(search="old")) == []
    assert await titles(store, Selection(search="标题 after")) == ["New 标题"]


async def test_a_dropped_entry_is_not_found(sql_store):
    await configure(sql_store, "a")
    await poll(sql_store, "a", story("1", at=NOON - 9 * HOUR, text="gone"), story("2", text="here"))
    dropped = await sql_store.prune(before=NOON - HOUR, keep_per_source=0, now=NOON)

    assert dropped == 1
    assert await titles(sql_store, Selection(search="gone")) == []
    assert await titles(sql_store, Selection(search="here")) == ["Title 2"]
    assert await indexed(sql_store) == 1


async def indexed(store) -> int:
    """How many entries the index knows; each has at least the word between its fields."""
    counting = {
        "sqlite": """SELECT count(*) FROM search WHERE search MATCH '"\u241e"'""",
        "postgresql": "SELECT count(*) FROM search",
    }
    found: int = await store._database.read(
        lambda connection: connection.scalar(text(counting[connection.dialect.name])) or 0
    )
    return found


async def test_the_index_of_sqlite_is_sound_after_edits_and_drops(tmp_path):
    store = await open_store(f"sqlite:///{tmp_path}/test.db")
    await configure(store, "a")
    items = [story(f"{n}", at=NOON - n * HOUR, text=f"number {n} 第{n}号") for n in range(20)]
    claimed = await poll(store, "a", *items)
    await poll(store, "a", edited=[await edit_of(store, claimed, items[3], text="第三号")])
    await store.prune(before=NOON - 10 * HOUR, keep_per_source=0, now=NOON)

    check = "INSERT INTO search (search, rank) VALUES ('integrity-check', 0)"
    await store._database.write(lambda connection: connection.execute(text(check)))
    assert await indexed(store) == 11
    await store.aclose()


async def test_postgresql_looks_into_its_index(postgres):
    store = await open_store(postgres)
    await configure(store, "a")
    await poll(store, "a", *(story(f"{n}") for n in range(9)))
    plan = await store._database.read(_plan_of_a_search)
    await store.aclose()

    assert "ix_search_words" in plan


def _plan_of_a_search(connection):
    says(connection, parse_query("title"))
    asked = "SELECT entry_id FROM search WHERE words @@ CAST('title' AS TSQUERY)"
    return "\n".join(connection.scalars(text(f"EXPLAIN {asked}")))


SOME = st.text(alphabet="ab机器学習한국ไท-*\"' +#éÉ🎉.\u0301", max_size=12)


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(texts=st.lists(SOME, min_size=1, max_size=4), search=SOME)
async def test_both_databases_find_what_the_words_say(sql_store, texts, search):
    """The examples pile up in one database: each finds among those of all before, too."""
    seen = sql_store.__dict__.setdefault("seen", {})
    await configure(sql_store, "a")
    new = [unsafe(story(f"{len(seen) + n}"), title="", text=said) for n, said in enumerate(texts)]
    seen.update({item.entry.guid: item.entry.content for item in new})
    await poll(sql_store, "a", *new)

    shown = await sql_store.stories(Selection(search=search), limit=len(seen) + 1)

    query = parse_query(search)
    wanted = {guid for guid, said in seen.items() if query.finds(said) or not search.strip()}
    assert {entry.guid for entry in shown} == wanted
