"""A WebSub subscriber, and a place for webhooks, on loopback: it writes down what it is sent."""

import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import Request, urlopen

from tests.patience import PATIENCE


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    """By the monotonic clock."""

    def is_signed(self, secret: str, header: str = "x-hub-signature") -> bool:
        made = hmac.new(secret.encode(), self.body, "sha256").hexdigest()
        return self.headers.get(header) == f"sha256={made}"


@dataclass
class Subscriber:
    origin: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    status: int = 204
    """Its answer to deliveries."""
    held: dict[str, Event] = field(default_factory=dict)
    """What it waits for before it answers, by path."""
    changed: Condition = field(default_factory=Condition)

    def subscribe(self, hub: str, topic: str, path: str = "/callback", **more: str) -> int:
        fields = {"mode": "subscribe", "topic": topic, "callback": self.origin + path, **more}
        body = urlencode({f"hub.{name}": text for name, text in fields.items()}).encode()
        with urlopen(Request(hub, data=body), timeout=PATIENCE) as answer:
            return int(answer.status)

    def wait_for(self, condition, patience: float = PATIENCE) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), patience), "it never came to it"


@contextmanager
def subscriber() -> Iterator[Subscriber]:
    place = Subscriber()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            with place.changed:
                place.asked.append({name: values[-1] for name, values in query.items()})
                place.changed.notify_all()
            self.answer(200, "".join(query.get("hub.challenge", [])).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with place.changed:
                place.received.append(Received(self.path, headers, body, time.monotonic()))
                place.changed.notify_all()
            if held := place.held.get(self.path):
                held.wait(PATIENCE)
            self.answer(place.status, b"")

        def answer(self, status: int, body: bytes) -> None:
            with suppress(ConnectionError):  # the caller may have stopped
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    place.origin = f"http://127.0.0.1:{server.server_port}"
    try:
        yield place
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
