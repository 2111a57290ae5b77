"""Which addresses we accept, how a relative one becomes absolute, and when two links are one."""

import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit, urlunsplit

from aggregator.core.addresses import is_public, literal_address
from aggregator.core.trackers import without_trackers

LONGEST_URL = 4096
"""Characters; a longer address is dropped."""

# An absolute address that comes out of any joining as it went in: nothing empty, no port, and
# no character that is encoded or dropped.
_PLAIN = re.compile(r"https?://[A-Za-z0-9.-]+(?:/[!\"$-:<=>@-~]*)?(?:\?[!\"$-~]+)?(?:#[!-~]+)?")

_HOST = re.compile(r"https?://([A-Za-z0-9.-]+)(?:[/?#]|\Z)")
"""The host of most addresses; what has a port, a user or other letters is for `urlsplit`."""

_PAGE = re.compile(r"https?://[A-Za-z0-9.-]+((?:/[!\"$-:<=>@-~]*)?)")
"""A plain address without query and fragment, as most links are, and its path."""

_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f]+")

# Names that only the machine or its own network can define, never the public DNS: RFC 6761,
# RFC 6762 and its Appendix G, RFC 8375. A name without a dot is one, too.
_LOCAL_SUFFIXES = (
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
)


@lru_cache(maxsize=1024)  # a document names most of its addresses several times
def web_url(text: str | None, base: str | None = None) -> str | None:
    """The address as an absolute http(s) URL, or None when it cannot be one.

    `base` is applied as RFC 3986 §5 says. White space around is dropped and inside is encoded,
    as browsers do; everything else stays byte for byte.
    """
    candidate = (text or "").strip()
    if not candidate or len(candidate) > LONGEST_URL:
        return None
    if is_plain_url(candidate) and (not base or is_plain_url(base)):
        return candidate
    try:
        joined = urljoin(base, candidate) if base else candidate
        parts = urlsplit(joined)
        port_is_sane = parts.port is None or parts.port > 0
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or not port_is_sane:
        return None
    return _CONTROL_OR_SPACE.sub(lambda found: "%20" * len(found[0]), joined)


def is_plain_url(url: str) -> bool:
    """Whether the address is absolute and comes out of any joining, with another one like it, as
    it went in.
    """
    return _PLAIN.fullmatch(url) is not None


def host_of(url: str) -> str:
    """The host in lower case, without port; the unit of politeness."""
    if found := _HOST.match(url):
        return found[1].rstrip(".").lower()
    return (urlsplit(url).hostname or "").rstrip(".").lower()


def bare_host(url: str) -> str:
    """The host without `www.`."""
    return host_of(url).removeprefix("www.")


def site_of(url: str) -> str:
    """Whose the address is, as far as its host and port say: without `www.` and default ports."""
    host = bare_host(url)
    port = urlsplit(url).port
    return host if port in {None, 80, 443} else f"{host}:{port}"


def is_local_name(host: str) -> bool:
    """Whether only the machine or its own network can say where the name leads."""
    name = host.rstrip(".").lower()
    return "." not in name or name.endswith(_LOCAL_SUFFIXES)


def is_private_host(host: str) -> bool:
    """Whether the host is in somebody's own network: what is true of one service there need not
    be true of the next.
    """
    address = literal_address(host)
    return is_local_name(host) if address is None else not is_public(address)


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454 §4); a scheme's default port is None."""
    parts = urlsplit(url)
    port = None if (parts.scheme, parts.port) in {("http", 80), ("https", 443)} else parts.port
    return parts.scheme, host_of(url), port


def canonical_link(url: str) -> str | None:
    """A form in which two links to one page are equal; None where a link names no single page.

    The scheme, `www.`, a default port, a fragment, a slash at the end and tracking parameters
    do not tell pages apart. A site's front page names no story.
    """
    if found := _PAGE.fullmatch(url):
        return _page(bare_host(url), found[1])
    parts = urlsplit(without_trackers(url))
    query = "&".join(pair for pair in parts.query.split("&") if pair)
    return _page(site_of(url), parts.path, f"?{query}" if query else "")


def _page(site: str, path: str, query: str = "") -> str | None:
    place = path.rstrip("/") + query
    return f"http://{site}{place}" if site and place else None


def other_forms(address: str) -> tuple[str, ...]:
    """The same http(s) address with another scheme, with and without `www.` and a slash at the
    end, its host in lower case; nothing for other names.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
        port = parts.port
    except ValueError:
        return ()
    if parts.scheme not in {"http", "https"} or not host:
        return ()
    bare = host.removeprefix("www.")
    place = f":{port}" if port not in {None, 80, 443} else ""
    path = parts.path.rstrip("/")
    rest = urlunsplit(("", "", "", parts.query, parts.fragment))
    forms = {
        f"{scheme}://{name}{place}{path}{slash}{rest}"
        for scheme in ("http", "https")
        for name in (bare, f"www.{bare}")
        for slash in ("", "/")
    }
    return tuple(sorted(forms - {address}))


def canonical_text(text: str) -> str | None:
    """The same for what somebody typed or pasted; None where it is no link to one page."""
    url = web_url(text)
    return canonical_link(url) if url else None
