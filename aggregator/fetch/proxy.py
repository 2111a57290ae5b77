"""A way out through a proxy: the one hop that is trusted, because the operator chose it.

Only the proxy is dialled, wherever it is. What it dials in turn is its own business; what the
spelling of an address tells is judged here as ever.
"""

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

import httpcore
import httpx

from aggregator.core.addresses import IPNetwork
from aggregator.fetch.addresses import is_host
from aggregator.fetch.failures import FetchFailure, failure_of
from aggregator.fetch.guard import (
    DialledStream,
    NoUnixSockets,
    Refused,
    dial_in_turn,
    judge_spelling,
)
from aggregator.fetch.resolver import Resolver

_WANTS_A_PASSWORD = 407

_Unreached = (FetchFailure, httpcore.NetworkError, httpcore.TimeoutException, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """Where a proxy is, and what it wants to hear."""

    scheme: str
    host: str
    port: int
    auth: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Its name for people, without secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"the proxy {host}:{self.port}"

    def for_httpcore(self, ssl_context: ssl.SSLContext) -> httpcore.Proxy:
        user, password = self.auth or ("", "")
        return httpcore.Proxy(
            httpcore.URL(scheme=self.scheme, host=self.host, port=self.port, target="/"),
            auth=(user.encode(), password.encode()) if self.auth else None,
            # Its own default would listen to the environment.
            ssl_context=ssl_context if self.scheme == "https" else None,
        )


def read_proxy(address: str) -> Proxy:
    """A configured "http://user:password@host:port". Raises FetchFailure when it is none."""
    try:
        url = httpx.URL(address)
        user, colon, password = url.userinfo.decode("ascii").partition(":")
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailure("internal", "the proxy's address cannot be read") from error
    host = url.raw_host.decode("ascii")
    if url.scheme not in {"http", "https"} or not is_host(host):
        raise FetchFailure("internal", "the proxy's address is not http or https")
    return Proxy(
        scheme=url.scheme,
        host=host,
        port=url.port or (443 if url.scheme == "https" else 80),
        auth=(unquote(user), unquote(password)) if user or colon else None,
    )


class ProxyBackend(NoUnixSockets):
    """Dials the proxy and nothing else. Failures name it."""

    def __init__(self, resolver: Resolver, proxy: Proxy) -> None:
        self._resolver = resolver
        self._proxy = proxy
        self._dialler = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises Refused for anything but the proxy, FetchFailure when it cannot be reached."""
        if (host, port) != (self._proxy.host, self._proxy.port):
            raise Refused(host, port, None)
        try:
            found = await self._resolver.addresses(host)
            stream = await dial_in_turn(
                self._dialler,
                found,
                port,
                timeout=timeout,
                local_address=local_address,
                socket_options=socket_options,
            )
        except _Unreached as error:
            raise _blaming(self._proxy, error) from error
        if self._proxy.scheme == "https":
            return _Unproved(stream, self._proxy)
        return DialledStream(stream)


class _Unproved(DialledStream):
    """A connection to a proxy that has yet to show its certificate. That failure is its own."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, proxy: Proxy) -> None:
        super().__init__(stream)
        self._proxy = proxy

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await super().start_tls(ssl_context, server_hostname, timeout)
        except _Unreached as error:
            raise _blaming(self._proxy, error) from error
        return DialledStream(stream)


class ProxiedTransport(httpx.AsyncBaseTransport):
    """Judges what can be judged before the proxy is asked, and tells its failures apart."""

    def __init__(
        self, inner: httpx.AsyncBaseTransport, proxy: Proxy, opened: Sequence[IPNetwork]
    ) -> None:
        self._inner = inner
        self._proxy = proxy
        self._opened = opened

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        port = url.port or (443 if url.scheme == "https" else 80)
        judge_spelling(url.raw_host.decode("ascii"), port, self._opened)
        try:
            response = await self._inner.handle_async_request(request)
        except httpcore.ProxyError as error:
            raise self._refusal(str(error)[:3]) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            failed = failure_of(error)
            reason = f"{failed.reason}, through {self._proxy}"
            raise FetchFailure(failed.kind, reason) from error
        if url.scheme == "http" and response.status_code == _WANTS_A_PASSWORD:
            await response.aclose()
            raise self._refusal(str(response.status_code))
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _refusal(self, status: str) -> FetchFailure:
        if status == str(_WANTS_A_PASSWORD):
            reason = f"{self._proxy} wants a user and a password, or others (HTTP 407)"
        else:
            reason = f"{self._proxy} does not connect us: HTTP {status}"
        return FetchFailure("connect", reason)


def _blaming(proxy: Proxy, error: Exception) -> FetchFailure:
    failed = failure_of(error)
    return FetchFailure(failed.kind, f"{proxy} cannot be used: {failed.reason}")
