import string

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch import asked
from aggregator.fetch.asked import Answered, Asked, Target, raw_fields

PLAIN = [
    "http://a.example/",
    "https://blog.a-b.example.org/feeds/posts/default?alt=rss&max=5",
    "https://a.example:8443/feed.xml",
    "http://127.0.0.1:8000/@me/%C3%BC;v=1/?a=%41&b=/x?y",
    "http://a-b.c.example/~me/a//b/",
]
OTHERS = [
    "HTTP://a.example/",
    "http://A.example/",
    "http://a.example",
    "http://a.example/#top",
    "http://me@a.example/",
    "http://a.example:80/",
    "https://a.example:443/",
    "http://a.example:0/",
    "http://a.example:99999/",
    "http://a.example/a/../b",
    "http://a.example/./b",
    "http://a.example/\xfc",
    "http://\xfc.example/",
    "http://xn--a.example/",
    "http://a.example/ b",
    "http://a.example/\n",
    "http://a.example/\\b",
    "http://127.1/",
    "http://0x7f.0.0.1/",
    "http://127.0.0.256/",
    "http://127.0.0.01/",
    "http://1.127.0.0.1/",
    "http://[::1]/",
    "http://nas/",
    "ftp://a.example/",
    "/feed",
    "",
]

NEARLY = st.builds(
    "{}://{}{}/{}".format,
    st.sampled_from(["http", "https", "HTTP", "ftp"]),
    st.lists(st.text("abcxyz0123456789-_", max_size=6), min_size=1, max_size=5).map(".".join),
    st.one_of(st.just(""), st.integers(-1, 70_000).map(":{}".format)),
    st.text(string.printable + "\xfc\u0130\u3002", max_size=12),
)


def plain(text: str) -> Target:
    target = Target.plain(text)
    assert target is not None
    return target


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_address_is_taken_apart_as_httpx_does(text):
    assert plain(text) == Target.of(httpx.URL(text))


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_more_than_plain_is_left_to_httpx(text):
    assert Target.plain(text) is None


@given(st.one_of(NEARLY, st.from_regex(asked._PLAIN, fullmatch=True)))
def test_whatever_is_taken_for_plain_is_what_httpx_makes_of_it(text):
    target = Target.plain(text)

    if target is not None:
        assert target == Target.of(httpx.URL(text))
        assert httpx.URL(text).host == target.host


def test_an_origin_has_the_port_of_its_scheme():
    assert plain("https://a.example/x").origin == ("https", "a.example", 443)
    assert plain("http://a.example:81/x").origin == ("http", "a.example", 81)


def test_httpx_finds_in_it_what_it_knows():
    target = plain("http://a.example:81/x?y")

    request = Asked("POST", target, [(b"Host", b"a.example:81")], b"body")

    assert (request.method, request.url) == ("POST", httpx.URL(str(target)))
    assert request.headers.raw == [(b"Host", b"a.example:81")]
    assert request.read() == b"body"
    assert request.extensions == {}
    with pytest.raises(AttributeError):
        _ = request.nothing


def test_any_request_can_be_asked():
    request = httpx.Request("POST", "http://a.example/x", content=b"body")

    made = Asked.of(request)

    assert (made.method, made.body) == ("POST", b"body")
    assert made.target == plain("http://a.example/x")
    assert made.fields == request.headers.raw
    assert Asked.of(made) is made


async def test_an_answer_is_one_of_httpx_for_whoever_wants_that():
    fields = [(b"ETag", b"x"), (b"Content-Type", b"text/plain")]

    answer = Answered(200, fields, httpx.ByteStream(b"body"))

    assert raw_fields(answer) == fields
    assert answer.headers["etag"] == "x"
    assert await answer.aread() == b"body"
    assert answer.is_success
    with pytest.raises(AttributeError):
        _ = answer.nothing
    assert raw_fields(httpx.Response(200, headers=fields)) == fields
