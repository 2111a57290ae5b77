"""What is asked of a server, as our own way to the wire needs it and as httpx knows it.

httpx takes as long to read an address as all the rest of a request takes. Nearly every feed has an
address in which there is nothing to normalize: a pattern takes it apart, to the same parts.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import httpx

_LABEL = "[a-z0-9-]+"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN = re.compile(
    rf"(https?)://((?:{_LABEL}\.)+[a-z][a-z0-9-]*|(?:{_BYTE}\.){{3}}{_BYTE})(?::([1-9][0-9]{{0,4}}))?"
    r"(/[A-Za-z0-9/._~!$&'()*+,;=:@%-]*(?:\?[A-Za-z0-9/._~!$&'()*+,;=:@%?-]*)?)"
)
"""Scheme, a name or an IPv4 address, port, and what is asked for."""

_HIGHEST_PORT = 65535
_USUAL = {"http": 80, "https": 443}

RawFields = Sequence[tuple[bytes, bytes]]


class Target(NamedTuple):
    """An address that can be asked, in parts as httpx has them."""

    text: str
    scheme: str
    host: str
    """In ASCII, an IPv6 address without brackets."""
    port: int | None
    """None: that of the scheme."""
    netloc: bytes
    path: bytes
    """With the query."""

    def __str__(self) -> str:
        return self.text

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454 §4)."""
        return self.scheme, self.host, self.port or _USUAL[self.scheme]

    @classmethod
    def of(cls, url: httpx.URL) -> Self:
        """Of an address that httpx has read, http or https."""
        host = url.raw_host.decode("ascii")
        return cls(str(url), url.scheme, host, url.port, url.netloc, url.raw_path)

    @classmethod
    def plain(cls, text: str) -> Self | None:
        """None where there may be more to it than a pattern can tell."""
        found = _PLAIN.fullmatch(text)
        if found is None or "/." in text or "xn--" in text:
            return None
        scheme, host, digits, path = found.groups()
        port = int(digits) if digits else None
        if port == _USUAL[scheme] or (port or 0) > _HIGHEST_PORT:
            return None
        netloc = f"{host}:{digits}" if digits else host
        return cls(text, scheme, host, port, netloc.encode("ascii"), path.encode("ascii"))


class Asked(httpx.Request):
    """A request by its parts. What httpx makes of them is made when somebody wants it."""

    def __init__(self, method: str, target: Target, fields: RawFields, body: bytes = b"") -> None:
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body

    def __getattr__(self, name: str) -> Any:
        """Asked for what is not there yet, or never."""
        if "url" in vars(self):
            raise AttributeError(name)
        fields, stream = list(self.fields), httpx.ByteStream(self.body)
        super().__init__(self.method, self.target.text, headers=fields, stream=stream)
        return getattr(self, name)

    @classmethod
    def of(cls, request: httpx.Request) -> "Asked":
        """Anybody's request, with its body in memory."""
        if isinstance(request, Asked):
            return request
        target = Target.of(request.url)
        return cls(request.method, target, request.headers.raw, request.read())


class Answered(httpx.Response):
    """An answer by its parts, as `Asked` is a request."""

    def __init__(self, status: int, fields: RawFields, stream: httpx.AsyncByteStream) -> None:
        self.status_code = status
        self.fields = fields
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        """Asked for what is not there yet, or never."""
        if "headers" in vars(self):
            raise AttributeError(name)
        super().__init__(self.status_code, headers=list(self.fields), stream=self.stream)
        return getattr(self, name)


def raw_fields(response: httpx.Response) -> RawFields:
    """Those of an answer, in the order in which they came."""
    return response.fields if isinstance(response, Answered) else response.headers.raw
