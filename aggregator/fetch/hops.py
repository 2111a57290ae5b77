"""The requests of one poll: where each goes, and what it may take along and open. Pure.

source's address -> first_hop -> request -> redirect? -> Hop.follow -> request -> ...
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote

import httpx

from aggregator.core.addresses import IPAddress, IPNetwork, literal_address
from aggregator.core.wire import FailureKind
from aggregator.fetch.addresses import BAD_PORTS, is_host, opened_by
from aggregator.fetch.asked import Target
from aggregator.fetch.failures import FetchFailure

MOST_REDIRECTS = 5
PERMANENT = frozenset({301, 308})
REDIRECTS = frozenset({301, 302, 303, 307, 308})

_HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One request of a poll."""

    url: Target
    """Without user, password and fragment."""
    opened: tuple[IPNetwork, ...]
    """Private networks that it may reach into."""
    own: bool = True
    """True as long as no request has left the source's origin; only then secrets go along."""
    redirects: int = 0
    is_permanent: bool = True
    """True when each redirect so far said 301 or 308."""

    def follow(self, status: int, location: str) -> "Hop":
        """Where a redirect leads. Raises FetchFailure where we do not go.

        A network is open to a redirect only if the source lives in it, and so does everything
        between them: nobody outside can send us back in.
        """
        if self.redirects == MOST_REDIRECTS:
            raise FetchFailure("redirects", f"more than {MOST_REDIRECTS} redirects")
        if not location:
            raise FetchFailure("redirects", "a redirect that does not say where to")
        url = _parse(location, self.url, "redirects")
        opened = opened_by(url.host, self.opened)
        return replace(
            self,
            url=url,
            opened=opened,
            own=self.own and url.origin == self.url.origin,
            redirects=self.redirects + 1,
            is_permanent=self.is_permanent and status in PERMANENT,
        )

    @property
    def permanent_url(self) -> str | None:
        """The source's new address, when it has one."""
        return str(self.url) if self.redirects and self.is_permanent else None

    def refusal(self, host: str, address: IPAddress | None, port: int) -> str:
        """Why the guard did not dial, and what the operator may do about it."""
        if address is None and port in BAD_PORTS:
            return f"refused: port {port} is not for the web"
        if address is None:
            return self._refusal_of_name(host)
        if self.redirects:
            return f"refused: a redirect leads to {address}, a private or reserved address"
        if literal_address(host) is not None:
            hint = "[fetch] allow_networks can open it"
            return f"refused: {address} is a private or reserved address; {hint}"
        hint = "[fetch] allow_networks opens private networks to local names and written addresses"
        return f"refused: {host} is at {address}, a private or reserved address; {hint}"

    def _refusal_of_name(self, host: str) -> str:
        if self.redirects:
            return f"refused: a redirect leads to {host}, a name of a private network"
        return f"refused: {host} is a name of a private network; [fetch] allow_networks can open it"


def first_hop(url: str, networks: Sequence[IPNetwork]) -> Hop:
    """The request to the source itself. Raises FetchFailure when it is no address for us."""
    parsed = _parse(url, None, "blocked")
    return Hop(url=parsed, opened=opened_by(parsed.host, networks))


def password_in(url: str) -> tuple[str, str] | None:
    """User and password that a source's address carries."""
    if "@" not in url:
        return None
    userinfo = httpx.URL(url).userinfo.decode("ascii")
    user, _, password = userinfo.partition(":")
    return (unquote(user), unquote(password)) if userinfo else None


def _parse(text: str, base: Target | None, kind: FailureKind) -> Target:
    return Target.plain(text) or _parse_any(text, base, kind)


def _parse_any(text: str, base: Target | None, kind: FailureKind) -> Target:
    # Browsers take a backslash for a slash, httpx does not: `http://a\@b/` would be two hosts.
    if "\\" in text.partition("?")[0]:
        raise FetchFailure(kind, _which(base, "holds a backslash"))
    try:
        given = httpx.URL(text)
        url = given if given.scheme or base is None else httpx.URL(base.text).join(given)
        bare = url.copy_with(userinfo=b"", fragment=None)
        _ = bare.host  # a name that says to be an encoded one, and is none, fails here
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchFailure(kind, _which(base, "cannot be read")) from error
    if bare.scheme not in {"http", "https"}:
        raise FetchFailure(kind, _which(base, "is not http or https"))
    if not is_host(bare.raw_host.decode("ascii")):
        raise FetchFailure(kind, _which(base, "names no host"))
    if bare.port is not None and not 0 < bare.port <= _HIGHEST_PORT:
        raise FetchFailure(kind, _which(base, "has no possible port"))
    return Target.of(bare)


def _which(base: Target | None, fault: str) -> str:
    return f"the source's address {fault}" if base is None else f"a redirect's address {fault}"
