"""No address, name or redirect leads into a private network, and all that is public is reached.

Every dial is written down before it is made: what is refused costs not one packet.
"""

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from aggregator.core.wire import Failed, Fetched, FetchRequest
from aggregator.fetch.http import HttpFetcher
from tests.fetch.internet import DEAD, PUBLIC_V4, PUBLIC_V6, Internet
from tests.fetch.server import redirect, reply, serving
from tests.patience import PATIENCE

FEED = b"<rss/>"
PUBLIC = {PUBLIC_V4, PUBLIC_V6}

REACHED = [
    "http://v4.test/",
    "http://v6.test/",
    "http://pub.test/",
    "https://v4.test/",
    "https://v6.test/",
    "https://pub.test/",
    f"http://{PUBLIC_V4}/",
    f"http://[{PUBLIC_V6}]/",
    f"https://{PUBLIC_V4}/",
    f"https://[{PUBLIC_V6}]/",
    "http://v4.test:8080/",
    "http://PUB.TEST./",
    "http://user:pw@v4.test/",
    "http://dead.test/",
    "http://mixed.test/",
    "http://mixed6.test/",
    "http://rebind.test/",
    "https://rebind.test/",
    "http://v4.test/to-v6",
    "http://v4.test/to-https",
    "https://v4.test/to-https",
]

LITERALS = [
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "http://localhost/",
    "http://LOCALHOST./",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a00:5]/",
    "http://[2002:a00:5::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1%25lo]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0251.0376.0251.0376/",
    "http://10.0.0.5/",
    "http://100.64.0.1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://１２７.0.0.1/",
]

NAMED = [
    "http://ten.test/",
    "https://ten.test/",
    "http://meta.test/",
    "http://loop.test/",
    "http://loop6.test/",
    "http://zero.test/",
    "http://carrier.test/",
    "http://mapped.test/",
    "http://mapped10.test/",
    "http://nat64.test/",
    "http://six.test/",
    "http://ula.test/",
    "http://many.test/",
]

LOCATIONS = [
    "http://127.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://ten.test/",
    "https://[::1]/",
    "http://[::ffff:10.0.0.5]/",
    "//127.0.0.1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "/chain/3",
    "/loop",
]

SCHEMES_AND_PORTS = [
    "file:///etc/passwd",
    "gopher://v4.test/",
    "ftp://v4.test/",
    "unix:///run/x.sock",
    "http+unix://%2Frun%2Fx.sock/",
    "data:text/xml,<rss/>",
    "feed:http://v4.test/",
    "//v4.test/",
    "http:///v4.test",
    "http://",
    "http://nowhere.test/",
    "http://v4.test:22/",
    "http://v4.test:25/",
    "http://v4.test:6379/",
]

CONFUSING = [
    "http://v4.test@127.0.0.1/",
    "http://127.0.0.1#@v4.test/",
    "http://127.0.0.1?@v4.test/",
    r"http://127.0.0.1\@v4.test/",
    r"http://v4.test\@127.0.0.1/",
    "http://127.0.0.1%00.v4.test/",
    "http://127.0.0.1\r\nX: y/",
    "http://[::1]v4.test/",
    "http://127.0.0.1:80:80/",
    "http://v4.test:99999/",
    "http://0x7f.1:80/",
]

ANSWERS = {
    target: reply(body=FEED, Connection="close") for target in ("/", "/latest/meta-data/")
} | {
    "/to-v6": redirect("http://v6.test/"),
    "/to-https": redirect("https://pub.test/"),
    "/loop": redirect("/loop"),
    "/chain/3": redirect("http://v6.test/chain/2"),
    "/chain/2": redirect("https://pub.test/chain/1"),
    "/chain/1": redirect("http://[::ffff:127.0.0.1]/"),
}


@contextlib.asynccontextmanager
async def internet(server_side, answers=ANSWERS, **known):
    async with serving(answers) as plain, serving(answers, tls=server_side) as secure:
        yield Internet(plain.port, secure.port, **known)


@contextlib.asynccontextmanager
async def fetching(web, trusting, *, networks=()):
    fetcher = HttpFetcher(
        allow_networks=networks,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        transports=web.transports(trusting),
    )
    try:
        yield fetcher
    finally:
        await fetcher.aclose()


def asking(url: str, **changes) -> FetchRequest:
    return replace(
        FetchRequest(url=url, timeout=PATIENCE, max_body=1000, user_agent="a"), **changes
    )


def test_the_table_is_whole():
    refused = [LITERALS, NAMED, LOCATIONS, SCHEMES_AND_PORTS, CONFUSING]

    assert len(REACHED) == 21
    assert [len(urls) for urls in refused] == [34, 13, 10, 14, 11]


@pytest.mark.parametrize("http2", [False, True])
async def test_what_is_public_is_reached(server_side, trusting, http2):
    async with internet(server_side) as web:
        answers = {}
        for url in REACHED:
            web.asked.clear()
            async with fetching(web, trusting) as fetcher:
                answers[url] = await fetcher.fetch(asking(url, http2=http2))

    assert {url: answer for url, answer in answers.items() if not isinstance(answer, Fetched)} == {}
    assert set(web.dialled) == PUBLIC | {DEAD}


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("urls", [LITERALS, NAMED, SCHEMES_AND_PORTS, CONFUSING])
async def test_what_is_not_public_is_refused_before_it_is_dialled(
    server_side, trusting, urls, http2
):
    async with internet(server_side) as web, fetching(web, trusting) as fetcher:
        answers = {url: await fetcher.fetch(asking(url, http2=http2)) for url in urls}

    assert web.dialled == []
    kinds = {url: answer.kind for url, answer in answers.items() if isinstance(answer, Failed)}
    assert kinds == dict.fromkeys(urls, "blocked") | {
        url: "dns" for url in ("http://nowhere.test/",) if url in urls
    }


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect", "308 Permanent"])
@pytest.mark.parametrize("hops", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_redirect_leads_inside_however_many_there_are(
    server_side, trusting, status, hops, scheme
):
    for location in LOCATIONS:
        steps = {f"/{n}": redirect(f"/{n - 1}", status) for n in range(2, hops + 1)}
        answers = ANSWERS | steps | {"/1": redirect(location, status)}
        async with (
            internet(server_side, answers) as web,
            fetching(web, trusting) as fetcher,
        ):
            answer = await fetcher.fetch(asking(f"{scheme}://v4.test/{hops}"))

        assert isinstance(answer, Failed), location
        assert answer.kind in {"blocked", "redirects"}
        assert set(web.dialled) <= PUBLIC
        if location.lstrip("htps:").startswith("//"):
            assert answer.kind == "blocked"


async def test_a_name_that_is_bound_anew_is_judged_anew(server_side, trusting):
    """A hundred polls of a name that is public at every other look-up."""
    lookups = []

    class Rebinding(Internet):
        def lookup(self, host):
            lookups.append(host)
            return super().lookup("v4.test" if len(lookups) % 2 else "loop.test")

    async with (
        serving(ANSWERS) as plain,
        serving(ANSWERS, tls=server_side) as secure,
    ):
        web = Rebinding(plain.port, secure.port)
        async with fetching(web, trusting) as fetcher:
            answers = [await fetcher.fetch(asking("http://rebinding.test/")) for _ in range(100)]

        assert plain.connections + secure.connections == len(web.dialled)

    reached = [answer for answer in answers if isinstance(answer, Fetched)]
    refused = [answer for answer in answers if isinstance(answer, Failed)]
    assert (len(reached), len(refused)) == (50, 50)
    assert {answer.kind for answer in refused} == {"blocked"}
    assert set(web.dialled) == {PUBLIC_V4}
    assert len(lookups) == 100


async def test_a_network_that_is_open_to_one_source_is_closed_to_all_others(server_side, trusting):
    answers = ANSWERS | {"/lead": redirect("http://10.0.0.5/")}
    async with (
        internet(server_side, answers, inside=("10.0.0.5",)) as web,
        fetching(web, trusting, networks=[ip_network("10.0.0.5/32")]) as fetcher,
    ):
        inside = await fetcher.fetch(asking("http://10.0.0.5/"))
        led = await fetcher.fetch(asking("http://v4.test/lead"))
        others = [
            await fetcher.fetch(asking(url))
            for url in (
                "http://ten.test/",
                "http://10.0.0.6/",
                "http://127.0.0.1/",
                "http://169.254.169.254/",
                "http://10.0.0.5:22/",
            )
        ]

    assert isinstance(inside, Fetched)
    assert web.dialled == ["10.0.0.5", PUBLIC_V4]
    for answer in (led, *others):
        assert isinstance(answer, Failed)
        assert answer.kind == "blocked"


async def test_nobody_learns_from_us_which_ports_are_open(server_side, trusting):
    """A refusal is the same for a port that is open and one that is closed: neither is tried."""
    async with (
        serving(ANSWERS) as listening,
        internet(server_side) as web,
        fetching(web, trusting) as fetcher,
    ):
        reasons = {
            await fetcher.fetch(asking(f"http://127.0.0.1:{port}/"))
            for _ in range(200)
            for port in (listening.port, 9999)
        }

        assert listening.connections == 0
    assert web.dialled == []
    assert len(reasons) == 1
