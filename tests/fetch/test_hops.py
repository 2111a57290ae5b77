from ipaddress import ip_address, ip_network

import pytest

from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.hops import first_hop, password_in

NETWORKS = [ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8")]
HOME = "https://a.example/feed"


def followed(*steps: tuple[int, str], start: str = HOME):
    hop = first_hop(start, NETWORKS)
    for status, location in steps:
        hop = hop.follow(status, location)
    return hop


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/new", "https://a.example/new"),
        ("?page=2", "https://a.example/feed?page=2"),
        ("//b.example/x", "https://b.example/x"),
        ("http://b.example:8080/x#top", "http://b.example:8080/x"),
        ("https://u:p@b.example/", "https://b.example/"),
        ("/ü", "https://a.example/%C3%BC"),
        ("../../x", "https://a.example/x"),
        ("#top", HOME),
    ],
)
def test_a_redirect_leads_to(location, url):
    assert str(followed((302, location)).url) == url


@pytest.mark.parametrize(
    "location",
    [
        "",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "javascript:alert(1)",
        "data:text/xml,<rss/>",
        "http://",
        "http:///x",
        "http://[",
        "http://[::1]b.example/",
        "http://b.example:80:80/",
        "http://b.example:99999/",
        "http://b.example:-1/",
        "http://b.example:abc/",
        "http://a b/",
        "http://a%00b/",
        "http://xn--\x80/",
        "http://①②⑦.⓪.⓪.①/",
        r"http://127.0.0.1\@b.example/",
        r"/\b.example/",
        "http://b.example/\x00",
        "http:x",
    ],
)
def test_a_redirect_to_nowhere_is_a_failure(location):
    hop = first_hop("http://a.example/", NETWORKS)

    with pytest.raises(FetchFailure) as caught:
        hop.follow(302, location)

    assert caught.value.kind == "redirects"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/",
        "feed:x",
        "/feed",
        "",
        "http://a.example:0/",
        "http+unix://x/",
        "http://xn--a/",
    ],
)
def test_a_source_with_another_kind_of_address_is_blocked(url):
    with pytest.raises(FetchFailure) as caught:
        first_hop(url, NETWORKS)

    assert caught.value.kind == "blocked"


def test_the_sixth_redirect_is_one_too_many():
    hop = followed(*[(302, "/again")] * 5)

    with pytest.raises(FetchFailure, match="more than 5"):
        hop.follow(302, "/again")


@pytest.mark.parametrize(
    ("steps", "moved_to"),
    [
        ([], None),
        ([(301, "/b")], "https://a.example/b"),
        ([(308, "/b"), (301, "https://b.example/c")], "https://b.example/c"),
        ([(301, "/b"), (302, "/c")], None),
        ([(307, "/b"), (301, "/c")], None),
        ([(303, "/b")], None),
    ],
)
def test_a_source_has_moved_when_every_redirect_says_so(steps, moved_to):
    assert followed(*steps).permanent_url == moved_to


@pytest.mark.parametrize(
    ("steps", "own"),
    [
        ([(302, "/b")], True),
        ([(302, "https://A.EXAMPLE:443/b")], True),
        ([(302, "http://a.example/b")], False),
        ([(302, "https://a.example:8443/b")], False),
        ([(302, "https://b.example/"), (302, HOME)], False),
        ([(302, "https://b.example/"), (302, "https://b.example/c")], False),
    ],
)
def test_a_request_is_the_sources_own_until_one_leaves_its_origin(steps, own):
    assert followed(*steps).own is own


@pytest.mark.parametrize(
    ("start", "steps", "opened"),
    [
        ("http://127.0.0.1/", [], NETWORKS[:1]),
        ("http://127.0.0.1/", ["http://127.0.0.2/"], NETWORKS[:1]),
        ("http://127.0.0.1/", ["http://10.0.0.1/"], []),
        ("http://localhost/", ["http://10.0.0.1/"], NETWORKS[1:]),
        ("http://127.0.0.1/", ["http://b.example/", "http://127.0.0.1/"], []),
        ("http://b.example/", ["http://127.0.0.1/"], []),
        ("http://b.example/", ["http://localhost/"], []),
    ],
)
def test_a_network_stays_open_only_while_nobody_outside_it_has_a_say(start, steps, opened):
    hop = followed(*[(302, location) for location in steps], start=start)

    assert list(hop.opened) == opened


def test_a_password_in_an_address_is_taken_out_of_it():
    url = "https://me:p%40ss@a.example/feed?x=1#top"

    assert password_in(url) == ("me", "p@ss")
    assert str(first_hop(url, []).url) == "https://a.example/feed?x=1"
    assert password_in(HOME) is None


def test_a_refusal_says_what_can_be_done():
    address = ip_address("127.0.0.1")

    written = first_hop("http://127.0.0.1/", []).refusal("127.0.0.1", address, 80)
    led = followed((302, "http://127.0.0.1/")).refusal("127.0.0.1", address, 80)

    assert "[fetch] allow_networks can open it" in written
    assert led == "refused: a redirect leads to 127.0.0.1, a private or reserved address"
