"""Answers that caches and readers can work with: validators, codings, lifetimes, links."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from aggregator.core.joined import Joined, in_one
from aggregator.core.publication import CONTENT_TYPES, Document, Publication, Site
from aggregator.formats.packing import CODINGS
from aggregator.web.conditional import (
    Form,
    Validity,
    forms_for,
    held_form,
    held_tags,
    wants_delta,
)
from aggregator.web.packed import Packed

HTML = "text/html; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
CSS = "text/css; charset=utf-8"
OPML = "text/x-opml; charset=utf-8"
SVG = "image/svg+xml"
PNG = "image/png"

ASSET_CACHE = "public, max-age=3600"
FOREVER = "public, max-age=31536000, immutable"

_VARY = "Accept-Encoding"

_IN_ADDRESS = "!#$%&'()*+,/:;=?@[]~"
"""What may stand in an address as it is, RFC 3986 §2.2, beside letters, digits and `-._`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that a GET asks for. The body is made only when it is sent."""

    content_type: str
    cache_control: str
    validity: Validity
    body: Callable[[], bytes]
    links: tuple[str, ...] = ()
    """Values for the header Link (RFC 8288)."""
    text: Joined | None = None
    """The same in pieces, where it is a feed."""

    def made(self) -> Joined:
        return self.text or in_one(self.body())


class Responder:
    """Answers with a resource, in the form that the client likes best."""

    def __init__(self) -> None:
        self._packed = Packed()

    async def respond(self, request: Request, resource: Resource) -> Response:
        """304 where the client holds the resource already."""
        forms = forms_for(field(request, "accept-encoding") or "")
        held = _held(request, resource, forms)
        if held is not None:
            return Response(status_code=304, headers=_lasting(resource, held))
        headers = {**_lasting(resource, forms[0]), "content-type": resource.content_type}
        body = await self._packing(headers, resource.made, forms[0], key=headers["etag"])
        return Response(b"" if request.method == "HEAD" else body, headers=headers)

    async def prepare(self, before: Document, after: Document) -> None:
        """A feed takes the place of another: whoever asks for it need not wait until it is packed.

        In the codings in which the one before it was asked for.
        """
        old, new = (Validity(tag=each.etag.strip('"')) for each in (before, after))
        for coding in CODINGS:
            await self._packed.follow(old.etag(coding), new.etag(coding), after.text, coding)

    async def respond_with_news(
        self, request: Request, resource: Resource, news: bytes
    ) -> Response:
        """A part of the feed, for a client that has the rest (RFC 3229).

        The tag is that of the whole. Caches that know nothing of this must not keep it (§10.4.1).
        """
        form = forms_for(field(request, "accept-encoding") or "")[0]
        headers = {
            **_lasting(resource, form),
            "content-type": resource.content_type,
            "cache-control": "no-store, im",
            "im": "feed",
            "vary": f"A-IM, If-None-Match, {_VARY}",
        }
        key = f"news {short_digest(news)} {form}"
        body = await self._packing(headers, lambda: in_one(news), form, key=key)
        return Response(body, 226, headers=headers)

    async def _packing(
        self, headers: dict[str, str], made: Callable[[], Joined], form: Form, *, key: str
    ) -> bytes:
        """The text in this form, which the headers tell. Equal keys mean equal results."""
        if form == "identity":
            sent = made().body
        else:
            headers["content-encoding"] = form
            sent = await self._packed.get(key, made, form)
        headers["content-length"] = str(len(sent))
        return sent


def known_states(request: Request, resource: Resource) -> list[str]:
    """The tags of the states of a feed that a client holds, if it wants what is new since alone."""
    if_none_match = field(request, "if-none-match") or ""
    wanted = wants_delta(field(request, "a-im") or "", field(request, "accept") or "")
    if request.method != "GET" or not wanted:
        return []
    forms = forms_for(field(request, "accept-encoding") or "")
    return [] if _held(request, resource, forms) else held_tags(if_none_match)


def _held(request: Request, resource: Resource, forms: Sequence[Form]) -> Form | None:
    return held_form(
        resource.validity,
        forms,
        if_none_match=field(request, "if-none-match"),
        if_modified_since=field(request, "if-modified-since"),
    )


def _lasting(resource: Resource, form: Form) -> dict[str, str]:
    """What a 304 repeats (RFC 9110 §15.4.5)."""
    headers = {
        "etag": resource.validity.etag(form),
        "cache-control": resource.cache_control,
        "vary": _VARY,
    }
    if resource.validity.last_modified is not None:
        headers["last-modified"] = format_datetime(resource.validity.last_modified, usegmt=True)
    if resource.links:
        headers["link"] = ", ".join(resource.links)
    return headers


def field(request: Request, name: str) -> str | None:
    """A header's value; several lines of it are one list (RFC 9110 §5.3)."""
    lines = request.headers.getlist(name)
    return ", ".join(lines) if lines else None


def cached(fresh_for: timedelta) -> str:
    """Readers honour `max-age`: it is how often we ask them to come.

    A cache may show an old copy while it fetches a new one (a minute), and for a day when we are
    out of reach (RFC 5861).
    """
    seconds = int(fresh_for.total_seconds())
    return f"public, max-age={seconds}, stale-while-revalidate=60, stale-if-error=86400"


def feed(document: Document, cache_control: str) -> Resource:
    links = [link(document.self_url, "self")]
    if document.hub:
        links.append(link(document.hub, "hub"))
    return Resource(
        content_type=document.content_type,
        cache_control=cache_control,
        validity=Validity(tag=document.etag.strip('"'), last_modified=document.last_modified),
        body=lambda: document.body,
        text=document.text,
        links=tuple(links),
    )


def fixed(
    body: bytes, *, content_type: str, cache_control: str, links: Iterable[str] = ()
) -> Resource:
    """Bytes that are at hand: their digest is their tag."""
    return Resource(
        content_type=content_type,
        cache_control=cache_control,
        validity=Validity(tag=short_digest(body)),
        body=lambda: body,
        links=tuple(links),
    )


_LONGEST_LINKED = 600
"""Characters of an address."""


def feeds_of(site: Site, publication: Publication) -> tuple[str, ...]:
    """Links from a publication's page to its feeds, the preferred one first.

    Those of a long search stand in the page alone: with the query three times, the headers would
    be more than proxies take (4 KB in nginx).
    """
    if len(publication.at()) > _LONGEST_LINKED:
        return ()
    return tuple(
        link(site.url + publication.at(format), "alternate", content_type.partition(";")[0])
        for format, content_type in CONTENT_TYPES.items()
    )


def link(url: str, rel: str, type: str | None = None) -> str:
    """A value for the header Link."""
    what = f'; type="{type}"' if type else ""
    return f'<{quote(url, safe=_IN_ADDRESS)}>; rel="{rel}"{what}'


def short_digest(*parts: bytes) -> str:
    return sha256(b"\0".join(parts)).hexdigest()[:20]


def plain(text: str, status: int = 200) -> Response:
    """A line for machines, which no cache keeps."""
    return Response(text, status, headers={"content-type": PLAIN, "cache-control": "no-store"})
