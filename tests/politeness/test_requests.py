"""Politeness of what is asked.

01 first contact       05 dropped validators    16 Accept, Accept-Encoding
02 validators          06 news of a 304         18 fragments and twins
03 one validator       12 nothing extra
04 same body           13 User-Agent
"""

import re

import pytest

from aggregator import __version__
from aggregator.config.load import load
from aggregator.core.errors import ConfigError
from benchmarks.politeness_server import answer, ok
from tests.politeness.play import HOUR, JITTER, UNCONDITIONAL, conditions, tagged, waits

MODIFIED = "Mon, 02 Jan 2006 15:04:05 GMT"
ODD_DATE = "Mon, 2 Jan 2006 15:04:05 +0000"
"""Valid nowhere, and yet to be sent back as it came."""


async def test_check_01_first_contact_is_one_unconditional_get(play):
    play.source("a", "a.example.com", [ok(ETag='"1"')])
    await play.start()
    await play.passes(minutes=30)
    play.source("added", "b.example.com", [ok(ETag='"1"')])
    await play.reload()
    await play.passes(minutes=29)

    assert [(one.host, one.path, conditions(one)) for one in play.asked()] == [
        ("a.example.com", "/feed", UNCONDITIONAL),
        ("b.example.com", "/feed", UNCONDITIONAL),
    ]


async def test_check_01_a_changed_configuration_asks_nobody_again(play):
    play.source("a", "a.example.com", tagged())
    await play.start()
    await play.passes(minutes=30)
    play.source("added", "b.example.com", tagged())
    await play.reload()
    await play.passes(minutes=20)

    assert len(play.asked("a.example.com")) == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"ETag": 'W/"a-1:gzip"', "Last_Modified": ODD_DATE},
        {"ETag": "no-quotes--gzip"},
        {"Last_Modified": MODIFIED},
        {},
    ],
    ids=["both", "etag", "date", "neither"],
)
async def test_check_02_validators_go_back_byte_for_byte_and_no_others(play, sent):
    given = [answer(304)] if sent else []
    play.source("a", "a.example.com", [ok(**sent), *given])
    await play.start()
    await play.passes(days=1)

    later = play.asked("a.example.com")[1:]
    assert len(later) >= 2
    assert {conditions(one) for one in later} == {(sent.get("ETag"), sent.get("Last_Modified"))}


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ({"ETag": '"2"', "Last_Modified": MODIFIED}, ('"2"', MODIFIED)),
        ({"ETag": '"1"', "Last_Modified": ODD_DATE}, ('"1"', ODD_DATE)),
    ],
    ids=["etag", "date"],
)
async def test_check_03_a_change_of_one_validator_alone_is_taken(play, second, expected):
    first = ok("one", ETag='"1"', Last_Modified=MODIFIED)
    play.source("a", "a.example.com", [first, ok("one", "two", **second)])
    await play.start()
    await play.passes(hours=4)

    assert [conditions(one) for one in play.asked()[:3]] == [
        UNCONDITIONAL,
        ('"1"', MODIFIED),
        expected,
    ]


async def test_check_04_new_validators_of_the_same_body_are_taken(play):
    play.source(
        "a",
        "a.example.com",
        [ok(ETag='"1"', Last_Modified=MODIFIED), ok(ETag='"2"', Last_Modified=ODD_DATE)],
    )
    await play.start()
    await play.passes(hours=4)

    assert [report.outcome for report in play.notebook.reports[:2]] == ["new", "unchanged"]
    assert conditions(play.asked()[2]) == ('"2"', ODD_DATE)


@pytest.mark.parametrize("title", ["one", "another"], ids=["same body", "new body"])
async def test_check_05_validators_that_the_server_drops_are_sent_no_more(play, title):
    play.source(
        "a", "a.example.com", [ok("one", ETag='"1"', Last_Modified=MODIFIED), ok(title), ok("3")]
    )
    await play.start()
    await play.passes(days=1)

    sent = [conditions(one) for one in play.asked()]
    assert sent[:2] == [UNCONDITIONAL, ('"1"', MODIFIED)]
    assert len(sent) > 2
    assert set(sent[2:]) == {UNCONDITIONAL}


async def test_check_06_what_a_304_brings_is_taken(play):
    news = answer(304, ETag='"2"', Cache_Control="max-age=14400")
    play.source("a", "a.example.com", [ok(ETag='"1"', Last_Modified=MODIFIED), news])
    await play.start()
    await play.passes(hours=12)

    asked = play.asked()
    first, *later = waits(asked)
    assert HOUR <= first <= HOUR * JITTER
    assert later
    assert all(4 * HOUR <= wait <= 4 * HOUR * JITTER for wait in later)
    assert conditions(asked[1]) == ('"1"', MODIFIED)
    # What it left out is as it was (RFC 9111 §4.3.4).
    assert {conditions(one) for one in asked[2:]} == {('"2"', MODIFIED)}


async def test_check_12_nothing_is_sent_and_nothing_asked_but_what_was_configured(play):
    query = "/feed?b=2&a=1&empty"
    play.source("query", "a.example.com", [ok(), ok("two")], path=query)
    play.source("page", "a.example.com", [answer(404)], path="/blog/")
    play.source("lent", "b.example.com", [answer(302, Location="/real", Set_Cookie="id=1")])
    play.serves("b.example.com", [ok(ETag='"1"'), answer(304)], path="/real")
    await play.start()
    await play.passes(days=2)

    asked = play.asked()
    configured = {
        ("a.example.com", query),
        ("a.example.com", "/blog/"),
        ("b.example.com", "/feed"),
        ("b.example.com", "/real"),
    }
    assert len(asked) > 20
    assert {(one.host, one.path) for one in asked} == configured
    sent = {name.lower() for one in asked for name, _ in one.headers}
    assert sent <= {
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
        "connection",
        "if-none-match",
        "if-modified-since",
    }


AGENT = re.compile(
    rf"aggregator/{re.escape(__version__)} "
    r"\(\+https://planet\.example\.org/(?:; [0-9]+ subscribers?)?\)"
)


async def test_check_13_the_user_agent_says_who_polls_and_stays_the_same(play):
    play.source("a", "a.example.com", [ok(ETag='"1"'), answer(304)])
    play.source("b", "b.example.com", [answer(302, Location="/real")])
    play.source("c", "10.0.0.5", [answer(500)])
    await play.start()
    await play.passes(hours=12)
    await play.restart()
    await play.passes(hours=12)

    agents = {one.header("user-agent") for one in play.asked()}
    assert len(play.asked()) > 20
    assert len(agents) == 1
    assert AGENT.fullmatch(agents.pop() or "")


def words(header: str | None) -> set[str]:
    """The values of a list, without their weights."""
    return {value.partition(";")[0].strip() for value in (header or "").split(",")}


async def test_check_16_accept_lists_the_types_of_feeds(play):
    play.source("a", "a.example.com", [ok(ETag='"1"'), answer(304)])
    await play.start()
    await play.passes(hours=2)

    feeds = {"application/atom+xml", "application/rss+xml", "application/feed+json"}
    assert len(play.asked()) > 1
    assert all(feeds <= words(one.header("accept")) for one in play.asked())


async def test_check_16_accept_encoding_offers_gzip_and_br(play):
    play.source("a", "a.example.com", [ok(ETag='"1"'), answer(304)])
    await play.start()
    await play.passes(hours=2)

    assert len(play.asked()) > 1
    assert all({"gzip", "br"} <= words(one.header("accept-encoding")) for one in play.asked())


async def test_check_18_a_fragment_is_not_sent(play):
    play.source("a", "a.example.com", [ok(ETag='"1"'), answer(304)], suffix="#latest")
    await play.start()
    await play.passes(hours=3)

    assert len(play.asked()) > 1
    assert {one.path for one in play.asked()} == {"/feed"}


async def test_check_18_an_address_is_not_listed_twice(play):
    play.source("a", "a.example.com", tagged())
    play.source("twin", "a.example.com", suffix="#latest")
    play.configure()

    with pytest.raises(ConfigError) as caught:
        load(play.config, {})
    assert any("sources.a" in mistake and "twin" in mistake for mistake in caught.value.mistakes)


async def test_check_18_a_twin_that_is_added_asks_nothing(play):
    play.source("a", "a.example.com", tagged())
    await play.start()
    await play.passes(minutes=10)
    play.source("twin", "a.example.com", suffix="#latest")
    with pytest.raises(ConfigError):
        await play.reload()
    await play.passes(minutes=40)

    assert len(play.asked()) == 1
