"""What a poll may answer. An answer is a value, not an exception; match it exhaustively."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from aggregator.core.offers import Links

FailureKind = Literal[
    "blocked",  # the guard refused the address
    "dns",
    "connect",
    "tls",
    "timeout",
    "http",  # a status that is no feed
    "redirects",
    "too_large",
    "encoding",
    "protocol",
    "unreadable",  # the body is no feed
    "other_feed",  # the body is somebody else's feed
    "internal",  # our own fault
]


@dataclass(frozen=True, slots=True)
class Validators:
    """ETag and Last-Modified, byte for byte as received (RFC 9110 §8.8)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class PackedForm:
    """How a document came, packed by the server: what comes so again is the same document."""

    digest: bytes
    length: int
    """Bytes of the document itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """One poll's request."""

    url: str
    validators: Validators = field(default_factory=Validators)
    known: PackedForm | None = None
    """Of the last document: where it comes so again, nobody unpacks it."""
    timeout: float
    """Seconds for the whole poll, from connect to last byte, redirects included."""
    max_body: int
    """Bytes, both on the wire and decompressed."""
    user_agent: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sent to the source's own origin only, never past a redirect to another."""
    auth: tuple[str, str] | None = field(default=None, repr=False)
    """User and password for HTTP Basic; sent like `headers`."""
    http2: bool = False
    """HTTP/2 where the server speaks it, too."""
    proxy: str | None = field(default=None, repr=False)
    """The address of a proxy, with its user and password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A body came from `url`. `permanent_url` is set when every hop there said 301 or 308."""

    url: str
    status: int
    body: bytes
    """Empty where it `is_known`."""
    content_type: str
    """The Content-Type header as received; empty when missing."""
    validators: Validators
    fresh_for: timedelta | None = None
    """How long the server calls its answer fresh (RFC 9111 §4.2)."""
    retry_after: timedelta | None = None
    permanent_url: str | None = None
    links: Links = field(default_factory=Links)
    """Those of its header."""
    packed: PackedForm | None = None
    """None where it came unpacked, or is large even so."""
    is_known: bool = False
    """It came as `FetchRequest.known` did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """304. `validators` are those it carried; an absent one leaves ours (RFC 9111 §4.3.4)."""

    validators: Validators
    fresh_for: timedelta | None = None
    retry_after: timedelta | None = None
    permanent_url: str | None = None
    """Set as in `Fetched`."""
    links: Links = field(default_factory=Links)
    status: int = 304


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """410: the source says that it is no more."""

    status: int = 410
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """No usable answer. `reason` is one line for people, without secrets."""

    kind: FailureKind
    reason: str
    status: int | None = None
    retry_after: timedelta | None = None


Answer = Fetched | NotModified | Gone | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to somebody who is no source: a hub, a subscriber, a webhook."""

    method: Literal["GET", "POST"]
    url: str = field(repr=False)
    """It may hold a capability."""
    named_by: tuple[str, ...] = ()
    """The addresses that led here, such as a source's: a private network opens only where all of
    them live in it. Empty: the operator named it."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Content-Type among them, where there is a body."""
    body: bytes = field(default=b"", repr=False)
    timeout: float = 10.0
    """Seconds from connect to last byte."""
    max_body: int = 100_000
    """Bytes of the answer, both on the wire and decompressed."""
    user_agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """The answer to a call, whatever its status; redirects are not followed."""

    status: int
    body: bytes
    location: str | None = None
    """Where a redirect leads, as received."""
    retry_after: timedelta | None = None

    @property
    def accepted(self) -> bool:
        """Whether it is a success (RFC 9110 §15.3)."""
        return 200 <= self.status < 300  # noqa: PLR2004
