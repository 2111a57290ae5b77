"""A real HTTP server on loopback that serves documents and writes down what was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_REUSEADDR, SOL_SOCKET, socket
from threading import Lock, Thread


@dataclass
class Site:
    """`documents` by path; a path that is missing is answered 404."""

    origin: str = ""
    documents: dict[str, bytes] = field(default_factory=dict)
    content_type: str = "application/xml"
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every document."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


class _Patient(ThreadingHTTPServer):
    """As many may come at once as a test has sources: one too many would have to knock again."""

    request_queue_size = 128


@contextmanager
def loopback(**documents: bytes) -> Iterator[Site]:
    """Serves `name=bytes` at /name."""
    site = Site(documents={f"/{name}": body for name, body in documents.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            with site.lock:
                site.requests.append((self.path, headers))
            body = site.documents.get(self.path)
            tag = f'"{hash(body) & 0xFFFFFF:x}"'
            unchanged = body is not None and headers.get("if-none-match") == tag
            self.send_response(404 if body is None else 304 if unchanged else 200)
            if body is not None:
                self.send_header("ETag", tag)
                self.send_header("Content-Type", site.content_type)
                for name, value in site.headers.items():
                    self.send_header(name, value)
            sent = b"" if unchanged or body is None else body
            if not unchanged:
                self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Patient(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.origin = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_HELD: list[socket] = []


def free_port() -> int:
    """A port that nobody else is given: it stays bound, without anybody listening, until we end.

    Whoever binds with SO_REUSEADDR, as servers do, can listen on it all the same.
    """
    held = socket()
    held.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


def rss(name: str, *items: str) -> bytes:
    """An RSS document whose items are named; the first is the newest."""
    body = "".join(
        f"<item><title>{item} of {name}</title><guid isPermaLink='false'>{item}</guid>"
        f"<link>https://{name}.example/{item}</link>"
        f"<pubDate>Sun, 01 Mar 2026 {12 - n % 12:02}:00:00 GMT</pubDate>"
        f"<description>&lt;p&gt;Text of {item}&lt;/p&gt;</description></item>"
        for n, item in enumerate(items)
    )
    head = f"<title>{name}</title><link>https://{name}.example/</link><description>d</description>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{body}</channel></rss>'.encode()


def configuration(site: Site, **settings: str) -> str:
    """A configuration with a source for each document; `settings` add lines to [fetch]."""
    fetch = "\n".join(f"{key} = {value}" for key, value in settings.items())
    sources = "\n".join(
        f'[sources.{path[1:]}]\nurl = "{site.origin}{path}"' for path in site.documents
    )
    return f"""
[site]
title = "Test"

[fetch]
per_host_delay = "0s"
allow_networks = ["127.0.0.0/8"]
{fetch}

{sources}
"""
