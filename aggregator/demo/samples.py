"""Sample sources, served on loopback by the standard library, and a configuration for them."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread

_SAMPLES = files("aggregator.demo") / "feeds"
_CONTENT_TYPES = {
    ".atom": "application/atom+xml",
    ".rss": "application/rss+xml",
    ".rdf": "application/rdf+xml",
    ".json": "application/feed+json",
}

# Samples say their dates as "[[rfc822 3h]]" or "[[rfc3339 2d]]": so long before the demo's start.
_DATE = re.compile(r"\[\[(rfc822|rfc3339) (\d+)([hd])\]\]")

_CONFIGURATION = """\
[site]
title = "Latest updates"
tagline = "A demo: sample sources, served on this machine"
url = "http://127.0.0.1:{port}/"

[server]
port = {port}

[fetch]
interval = "1m"
per_host_delay = "0s"
allow_networks = ["127.0.0.0/8"]
"""


@contextmanager
def sample_configuration(port: int, now: datetime) -> Iterator[Path]:
    """The path of a configuration whose sources are served while the block lasts.

    The database beside it is gone afterwards, too. `port` is the one that the daemon serves on.
    """
    with tempfile.TemporaryDirectory(prefix="aggregator-demo-") as folder, _served(now) as origin:
        path = Path(folder) / "config.toml"
        path.write_text(_configuration(port, origin), encoding="utf-8")
        yield path


def _configuration(port: int, origin: str) -> str:
    names = sorted(sample.name for sample in _SAMPLES.iterdir())
    sources = [
        f'[sources.{name.partition(".")[0]}]\nurl = "{origin}{name}"\ntags = ["demo"]\n'
        for name in names
    ]
    return "\n".join([_CONFIGURATION.format(port=port), *sources])


@contextmanager
def _served(now: datetime) -> Iterator[str]:
    """The address below which the samples are served."""
    documents = {
        f"/{sample.name}": _document(sample.read_text("utf-8"), now)
        for sample in _SAMPLES.iterdir()
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = documents.get(self.path)
            self.send_response(HTTPStatus.NOT_FOUND if body is None else HTTPStatus.OK)
            self.send_header(
                "Content-Type", _CONTENT_TYPES.get(Path(self.path).suffix, "text/plain")
            )
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            """The daemon's own log tells of every poll."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _document(sample: str, now: datetime) -> bytes:
    return _DATE.sub(lambda date: _dated(date, now), sample).encode()


def _dated(date: re.Match[str], now: datetime) -> str:
    form, count, unit = date.groups()
    back = timedelta(hours=int(count)) if unit == "h" else timedelta(days=int(count))
    moment = (now - back).replace(microsecond=0)
    return format_datetime(moment) if form == "rfc822" else moment.isoformat()
