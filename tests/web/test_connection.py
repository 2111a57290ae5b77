"""What a client may send, and what it gets: HTTP/1.1 as RFC 9112 has it."""

import asyncio
import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from aggregator.web.server import Limits
from tests.web.wire import CLOSING, answered, fields_of, serving

LIMITS = Limits(shutdown=0.2)


async def told(request: Request) -> Response:
    """What arrived of a request."""
    body = await request.body()
    return PlainTextResponse(f"{request.method} {request.url.path}?{request.url.query} {len(body)}")


async def ignored(_: Request) -> Response:
    return PlainTextResponse("not read")


async def streamed(_: Request) -> Response:
    return StreamingResponse(iter(["one", "", "two"]), media_type="text/plain")


async def split(_: Request) -> Response:
    return Response(headers={"x-told": "a\r\nset-cookie: b"})


async def broken(_: Request) -> Response:
    raise ValueError("broken")


ANY = ["GET", "POST", "OPTIONS"]
APP = Starlette(
    routes=[
        Route("/streamed", streamed),
        Route("/split", split),
        Route("/broken", broken),
        Route("/ignored", ignored, methods=ANY),
        Route("/{path:path}", told, methods=ANY),
    ]
)


async def said(*parts: bytes, limits: Limits = LIMITS) -> bytes:
    async with serving(APP, limits) as port:
        return await answered(port, *parts)


def get(target: str, *fields: str, version: str = "1.1", method: str = "GET") -> bytes:
    head = [f"{method} {target} HTTP/{version}", "Host: x", *fields]
    return "".join(f"{line}\r\n" for line in [*head, ""]).encode()


async def test_requests_one_after_the_other_are_answered_in_their_order():
    answers = await said(get("/1") + get("/2") + get("/3"), get("/4", "Connection: close"))

    assert re.findall(rb"GET /(\d)", answers) == [b"1", b"2", b"3", b"4"]


async def test_thousands_of_requests_in_one_piece_are_all_answered():
    answers = await said(get("/1") * 3000 + CLOSING)

    assert answers.count(b"GET /1? 0") == 3000


async def test_a_request_may_come_byte_by_byte():
    request = get("/slow", "Connection: close")

    answer = await said(*(request[place : place + 1] for place in range(len(request))))

    assert answer.endswith(b"GET /slow? 0")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("Content-Length: 200000", b"x" * 200_000),
        ("Transfer-Encoding: chunked", b"186a0\r\n" + b"x" * 100_000 + b"\r\n" + b"0\r\n\r\n"),
    ],
)
async def test_a_body_reaches_the_application_and_the_next_request_is_found_behind_it(field, body):
    answer = await said(get("/in", field, method="POST") + body, CLOSING)

    assert f"POST /in? {body.count(b'x')}".encode() in answer
    assert answer.endswith(b"GET /? 0")


async def test_a_body_that_nobody_reads_is_no_request():
    post = get("/ignored", "Content-Length: 100000", method="POST")

    answer = await said(post, b"GET /evil HTTP/1.1\r\nHost: x\r\n\r\n".ljust(100_000), CLOSING)

    assert answer.count(b"HTTP/1.1 200") == 2
    assert b"evil" not in answer


async def test_who_asks_whether_to_send_a_body_is_told():
    asking = get("/in", "Expect: 100-continue", "Content-Length: 3", method="POST")

    answer = await said(asking, b"abc", CLOSING)

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_an_answer_of_unknown_length_comes_in_chunks():
    answer = await said(get("/streamed", "Connection: close"))

    assert fields_of(answer)["transfer-encoding"] == "chunked"
    assert answer.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


async def test_before_http_1_1_it_ends_with_the_connection():
    answer = await said(get("/streamed", "Connection: keep-alive", version="1.0"))

    assert fields_of(answer)["connection"] == "close"
    assert answer.endswith(b"\r\n\r\nonetwo")


async def test_the_answer_to_head_has_no_body():
    answer = await said(get("/1", method="HEAD"), CLOSING)

    assert fields_of(answer)["content-length"] == "10"
    assert b"HEAD" not in answer


async def test_an_answer_has_a_date():
    date = fields_of(await said(CLOSING))["date"]

    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date)


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/a?b=c%20d", b"GET /a?b=c%20d"),
        ("/%C3%A4", "GET /ä?".encode()),
        ("http://other.example/a?b", b"GET /a?b"),
        ("https://other.example", b"GET /?"),
    ],
)
async def test_targets(target, seen):
    answer = await said(get(target, "Connection: close"))

    assert seen in answer


async def test_a_connection_is_not_upgraded_and_the_request_is_answered():
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")

    answer = await said(get("/1", *upgrade) + get("/2", "Connection: close"))

    assert re.findall(rb"GET /(\d)", answer) == [b"1", b"2"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(get("/", "Host: y"), 400, id="two hosts"),
        pytest.param(get("/", "X y"), 400, id="no field"),
        pytest.param(get("/\xe4"), 400, id="an address with other letters"),
        pytest.param(get("ftp://x/"), 400, id="an address of something else"),
        pytest.param(get("x:443", method="CONNECT"), 400, id="a proxy's work"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2"),
        pytest.param(
            get("/", "Content-Length: 1", "Transfer-Encoding: chunked"), 400, id="two lengths"
        ),
        pytest.param(get("/", f"X: {'y' * 20_000}"), 431, id="long headers"),
        pytest.param(get("/", *["X: y"] * 9_000), 431, id="many headers"),
    ],
)
async def test_what_cannot_be_answered_is_refused(request_, status):
    answer = await said(request_)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.endswith(b"\r\n\r\n")
    assert fields_of(answer)["connection"] == "close"


async def test_what_came_before_it_is_answered():
    answer = await said(get("/1") + b"nonsense\r\n\r\n" + get("/2"))

    assert [line[:3] for line in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400"]


async def test_headers_that_never_end_are_not_kept_for_ever():
    answer = await said(b"GET / HTTP/1.1\r\nX: " + b"y" * 500_000)

    assert not answer or answer.startswith(b"HTTP/1.1 431")


async def test_a_value_cannot_begin_another_header():
    answer = await said(get("/split"))

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in answer


async def test_an_application_that_fails_is_an_answer_too():
    assert (await said(get("/broken"))).startswith(b"HTTP/1.1 500 ")


async def test_a_client_that_does_not_read_is_not_answered_any_further():
    """Else the answers to a small request would fill the memory."""
    asked = 0

    async def app(_scope, _receive, send) -> None:
        nonlocal asked
        asked += 1
        headers = [(b"content-length", b"1000000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 1_000_000})

    async with serving(app, LIMITS) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(get("/") * 500)
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(1000):
            await asyncio.sleep(0)

        assert asked < 20
        writer.close()
