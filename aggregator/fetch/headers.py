"""Header fields: those that we send, and what those of an answer mean. Pure."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from aggregator.core.wire import FetchRequest, Validators
from aggregator.fetch.failures import FetchFailure
from aggregator.fetch.inflate import Encoding

Fields = Mapping[bytes, Sequence[bytes]]
"""Of an answer, by name in lower case."""

ACCEPT = (
    b"application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, "
    b"application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.5"
)

_OURS = frozenset(
    {b"host", b"accept-encoding", b"if-none-match", b"if-modified-since", b"content-length"}
    # of the connection (RFC 9110 §7.6.1); HTTP/2 forbids them
    | {b"connection", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"}
    | {b"proxy-authorization", b"proxy-connection"}
)

LONGEST_WAIT = timedelta(days=366)
"""A Retry-After beyond it is taken as this."""

LONGEST_VALIDATOR = 4096
"""Bytes; a longer one would make requests that servers refuse, so it counts as absent."""

ACCEPT_ENCODING = b"gzip, deflate, br, zstd"
"""As browsers write it: a cache that varies by this header has the answer at hand."""

_ENCODINGS: dict[str, Encoding] = {
    "gzip": "gzip",
    "x-gzip": "gzip",  # RFC 9110 §8.4.1.3
    "deflate": "deflate",
    "br": "br",
    "zstd": "zstd",
}


def request_headers(
    request: FetchRequest, auth: tuple[str, str] | None, *, own: bool
) -> list[tuple[bytes, bytes]]:
    """What goes with a request; the source's private headers and password only where `own`.

    Configured headers replace Accept and User-Agent; what makes the exchange work stays ours.
    """
    fields = {
        b"accept": (b"Accept", ACCEPT),
        b"user-agent": (b"User-Agent", request.user_agent.encode()),
    }
    if own and request.headers:
        given = [(name.encode(), value.encode()) for name, value in request.headers]
        fields |= {name.lower(): (name, value) for name, value in given}
        fields = {name: field for name, field in fields.items() if name not in _OURS}
    if own and auth is not None:
        fields[b"authorization"] = (b"Authorization", _basic(auth))
    return [
        *[field for field in fields.values() if field[1]],
        (b"Accept-Encoding", ACCEPT_ENCODING),
        *_conditions(request.validators),
    ]


def fields_of(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Those of one name in the order in which they came."""
    fields: dict[bytes, list[bytes]] = {}
    for name, value in raw:
        fields.setdefault(name.lower(), []).append(value)
    return fields


def validators_of(fields: Fields) -> Validators:
    """ETag and Last-Modified as received."""
    return Validators(
        etag=_validator(fields, b"etag"), last_modified=_validator(fields, b"last-modified")
    )


def first(fields: Fields, name: bytes) -> str | None:
    """The first field of this (lower-case) name, each byte a character; None without one."""
    values = fields.get(name)
    return values[0].decode("latin-1") if values else None


def encoding_of(fields: Fields) -> Encoding | None:
    """How the body is packed; None when it is not. Raises FetchFailure on what we did not ask."""
    named = [
        word.strip().lower()
        for value in fields.get(b"content-encoding", ())
        for word in value.decode("latin-1").split(",")
    ]
    packed = [word for word in named if word not in {"", "identity"}]
    if not packed:
        return None
    if len(packed) > 1:
        raise FetchFailure("encoding", "the body is packed more than once")
    if packed[0] not in _ENCODINGS:
        raise FetchFailure("encoding", "the body is packed in a way that we did not ask for")
    return _ENCODINGS[packed[0]]


def announced_length(fields: Fields) -> int:
    """Content-Length in bytes; 0 when it says nothing."""
    text = first(fields, b"content-length") or ""
    return int(text) if text.isascii() and text.isdigit() else 0


def retry_after(value: str, now: datetime) -> timedelta | None:
    """How long a server asks us to stay away (RFC 9110 §10.2.3), in seconds or until a date.

    None when it does not say so in a form that can be read. A date in the past is no wait.
    """
    text = value.strip()
    seconds = _seconds(text)
    if seconds is not None:
        return seconds
    moment = _date(text)
    return min(max(moment - now, timedelta()), LONGEST_WAIT) if moment else None


def asked_pause(fields: Fields, now: Callable[[], datetime]) -> timedelta | None:
    """What Retry-After asks for, where there is one: most answers have none."""
    value = first(fields, b"retry-after")
    return None if value is None else retry_after(value, now())


def _seconds(text: str) -> timedelta | None:
    if not (text.isascii() and text.isdigit()):
        return None
    # Enough digits for any wait; Python refuses to read thousands of them.
    return min(timedelta(seconds=int(text[:10])), LONGEST_WAIT)


def _date(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def fresh_for(fields: Fields) -> timedelta | None:
    """How long the answer is fresh: max-age, else Expires, less the Age that it has already.

    RFC 9111 §4.2.1 and §4.2.3; None where it does not say, or asks to be looked at each time.
    """
    if b"cache-control" not in fields and b"expires" not in fields:
        return None
    directives = _cache_control(fields)
    if directives.keys() & {"no-cache", "no-store"}:
        return None
    max_age = directives.get("max-age")
    lifetime = _seconds(max_age) if max_age is not None else _until_expires(fields)
    if lifetime is None:
        return None
    age = _seconds(first(fields, b"age") or "") or timedelta()
    return max(lifetime - age, timedelta())


def _cache_control(fields: Fields) -> dict[str, str]:
    directives: dict[str, str] = {}
    for value in fields.get(b"cache-control", ()):
        for directive in value.decode("latin-1").split(","):
            name, _, argument = directive.partition("=")
            directives.setdefault(name.strip().lower(), argument.strip().strip('"'))
    return directives


def _until_expires(fields: Fields) -> timedelta | None:
    """Both dates are the server's own, so that its clock may be wrong."""
    expires = _date(first(fields, b"expires") or "")
    date = _date(first(fields, b"date") or "") if expires else None
    return expires - date if expires and date else None


def _conditions(validators: Validators) -> list[tuple[bytes, bytes]]:
    pairs = (
        (b"If-None-Match", validators.etag),
        (b"If-Modified-Since", validators.last_modified),
    )
    return [(name, value.encode("latin-1")) for name, value in pairs if value]


def _validator(fields: Fields, name: bytes) -> str | None:
    value = first(fields, name)
    return value if value and len(value) <= LONGEST_VALIDATOR else None


def _basic(auth: tuple[str, str]) -> bytes:
    # RFC 7617 §2.1: UTF-8, where the server does not say otherwise.
    return b"Basic " + b64encode(":".join(auth).encode())
