"""Why a poll got no answer: what this package raises, and every other exception, as `Failed`."""

import logging
import os
import ssl
import traceback
from collections.abc import Iterator

import httpcore
from h2.exceptions import H2Error

from aggregator.core.wire import Failed, FailureKind

_log = logging.getLogger(__name__)

_NO_HTTP = "the server's answer is not whole or not HTTP"

_FIXED: tuple[tuple[type[Exception], FailureKind, str], ...] = (
    # What these exceptions say of themselves may quote what was sent; it stays unsaid.
    (
        httpcore.LocalProtocolError,
        "internal",
        "the request cannot be sent: a header holds characters that HTTP does not allow",
    ),
    (httpcore.RemoteProtocolError, "protocol", _NO_HTTP),
    (httpcore.TimeoutException, "timeout", "the server could not be reached in time"),
    (TimeoutError, "timeout", "the server could not be reached in time"),
)


class FetchFailure(Exception):
    """Ends a poll without an answer. `reason` is one line for people, without secrets."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def no_http() -> FetchFailure:
    """Of an answer that breaks off, or that is none."""
    return FetchFailure("protocol", _NO_HTTP)


def failure_of(error: Exception) -> Failed:
    """The outcome that an exception stands for; one that nobody foresaw is logged as our fault."""
    if isinstance(error, FetchFailure):
        return Failed(kind=error.kind, reason=error.reason)
    if any(isinstance(origin, H2Error) for origin in _origins(error)):
        # httpcore lets them through, or calls them our own.
        return Failed(kind="protocol", reason=_NO_HTTP)
    for kind_of_error, kind, reason in _FIXED:
        if isinstance(error, kind_of_error):
            return Failed(kind=kind, reason=reason)
    if isinstance(error, httpcore.NetworkError | OSError):
        return _network_failure(error)
    _log.error(
        "a poll failed unexpectedly with %s\n%s",
        type(error).__name__,
        "".join(traceback.format_tb(error.__traceback__)),
    )
    return Failed(kind="internal", reason=f"unexpected {type(error).__name__}; see the log")


def _network_failure(error: Exception) -> Failed:
    for origin in _origins(error):
        if isinstance(origin, ssl.SSLError):
            return Failed(kind="tls", reason=f"TLS failed: {_tls_text(origin)}")
        if isinstance(origin, OSError) and origin.errno:
            return Failed(kind="connect", reason=os.strerror(origin.errno).lower())
    return Failed(kind="connect", reason="the server closed the connection")


def _origins(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it was made of; httpcore hides that among its arguments."""
    found: BaseException | None = error
    while found is not None:
        yield found
        inner = found.args[0] if found.args else None
        found = inner if isinstance(inner, BaseException) else found.__cause__


def _tls_text(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or "handshake broken off").replace("_", " ").lower()
