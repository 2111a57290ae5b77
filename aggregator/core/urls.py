"""Which addresses we accept, how a relative one becomes absolute, and when two links are one."""

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

from aggregator.core.addresses import is_public, literal_address

LONGEST_URL = 4096
"""Characters; a longer address is dropped."""

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

# Parameters that say how a reader came to a page, not which page it is.
_TRACKERS = re.compile(
    r"(?:utm_\w+|mtm_\w+|pk_\w+|fbclid|gclid|dclid|msclkid|yclid|mc_[ce]id|igshid|_hsenc|_hsmi)",
    re.IGNORECASE,
)


def web_url(text: str | None, base: str | None = None) -> str | None:
    """The address as an absolute http(s) URL, or None when it cannot be one.

    `base` is applied as RFC 3986 §5 says. White space around is dropped and inside is encoded,
    as browsers do; everything else stays byte for byte.
    """
    candidate = (text or "").strip()
    if not candidate or len(candidate) > LONGEST_URL:
        return None
    try:
        joined = urljoin(base, candidate) if base else candidate
        parts = urlsplit(joined)
        port_is_sane = parts.port is None or parts.port > 0
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or not port_is_sane:
        return None
    return _CONTROL_OR_SPACE.sub(lambda found: "%20" * len(found[0]), joined)


def host_of(url: str) -> str:
    """The host in lower case, without port; the unit of politeness."""
    return (urlsplit(url).hostname or "").rstrip(".").lower()


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
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".").lower().removeprefix("www.")
    port = f":{parts.port}" if parts.port not in {None, 80, 443} else ""
    path = parts.path.rstrip("/")
    query = "&".join(
        pair
        for pair in parts.query.split("&")
        if pair and not _TRACKERS.fullmatch(pair.partition("=")[0])
    )
    if not host or not (path or query):
        return None
    return urlunsplit(("http", host + port, path, query, ""))


def canonical_text(text: str) -> str | None:
    """The same for what somebody typed or pasted; None where it is no link to one page."""
    url = web_url(text)
    return canonical_link(url) if url else None
