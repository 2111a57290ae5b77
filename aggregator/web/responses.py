"""Answers that caches and readers can work with: validators, codings, lifetimes."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from aggregator.core.publication import Document
from aggregator.web.conditional import Validity, prefers_gzip, still_valid

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
CSS = "text/css; charset=utf-8"
OPML = "text/x-opml; charset=utf-8"
SVG = "image/svg+xml"

# A cache may show an old copy while it fetches a new one (a minute), and for a day when we are
# out of reach (RFC 5861).
_STALE = "stale-while-revalidate=60, stale-if-error=86400"
FEED_CACHE = f"public, max-age=300, {_STALE}"
PAGE_CACHE = f"public, max-age=60, {_STALE}"
ASSET_CACHE = "public, max-age=3600"
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that a GET asks for. The bodies are made only when they are sent."""

    content_type: str
    cache_control: str
    validity: Validity
    body: Callable[[], bytes]
    gzipped: Callable[[], bytes]


def respond(request: Request, resource: Resource) -> Response:
    """304 where the client holds the resource already, else the coding that it prefers."""
    gzip_wanted = prefers_gzip(_field(request, "accept-encoding") or "")
    held = still_valid(
        resource.validity,
        gzip=gzip_wanted,
        if_none_match=_field(request, "if-none-match"),
        if_modified_since=_field(request, "if-modified-since"),
    )
    if held is not None:
        return Response(status_code=304, headers=_lasting(resource, held))
    etag = resource.validity.gzip_etag if gzip_wanted else resource.validity.etag
    headers = {**_lasting(resource, etag), "content-type": resource.content_type}
    if gzip_wanted:
        headers["content-encoding"] = "gzip"
    return _sent(request, resource.gzipped() if gzip_wanted else resource.body(), headers)


def _lasting(resource: Resource, etag: str) -> dict[str, str]:
    """What a 304 repeats (RFC 9110 §15.4.5)."""
    headers = {
        "etag": etag,
        "cache-control": resource.cache_control,
        "vary": "Accept-Encoding",
    }
    if resource.validity.last_modified is not None:
        headers["last-modified"] = format_datetime(resource.validity.last_modified, usegmt=True)
    return headers


def _sent(request: Request, body: bytes, headers: dict[str, str]) -> Response:
    headers["content-length"] = str(len(body))
    return Response(b"" if request.method == "HEAD" else body, headers=headers)


def _field(request: Request, name: str) -> str | None:
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def feed(document: Document) -> Resource:
    return Resource(
        content_type=document.content_type,
        cache_control=FEED_CACHE,
        validity=Validity(
            etag=document.etag,
            gzip_etag=document.gzip_etag,
            last_modified=document.last_modified,
        ),
        body=lambda: document.body,
        gzipped=lambda: document.gzipped,
    )


def fixed(body: bytes, *, content_type: str, cache_control: str) -> Resource:
    """Bytes that are at hand: their digest is their tag."""
    return Resource(
        content_type=content_type,
        cache_control=cache_control,
        validity=tagged(short_digest(body)),
        body=lambda: body,
        gzipped=lambda: compressed(body),
    )


def tagged(opaque: str, last_modified: datetime | None = None) -> Validity:
    """Tags for both codings made from one opaque text without quotes."""
    return Validity(etag=f'"{opaque}"', gzip_etag=f'"{opaque}.gz"', last_modified=last_modified)


def short_digest(*parts: bytes) -> str:
    return sha256(b"\0".join(parts)).hexdigest()[:20]


def compressed(body: bytes) -> bytes:
    """The same bytes for the same body: no time stamp in it."""
    return gzip.compress(body, compresslevel=6, mtime=0)


def plain(text: str, status: int = 200) -> Response:
    """A line for machines, which no cache keeps."""
    return Response(text, status, headers={"content-type": PLAIN, "cache-control": "no-store"})
