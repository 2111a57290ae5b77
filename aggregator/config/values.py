"""What may stand as a value, and what it becomes.

Each function takes what TOML gave and returns the value, or raises ValueError with a sentence
that says what must stand there. No sentence repeats the value: it may be a secret.
Numbers and switches may also come as text, because a value from the environment is text.
"""

import re
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from aggregator.core.rules import Rule, parse_rule
from aggregator.core.searching import LONGEST_SEARCH, parse_query, search_line
from aggregator.core.spans import LONGEST_SPAN, span_of
from aggregator.core.text import xml_safe
from aggregator.core.urls import web_url

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([kmg]?i?b)?", re.IGNORECASE)
_FACTORS = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}
_LARGEST_SIZE = 1024**4

_WHOLE = re.compile(r"-?[0-9]{1,15}")
_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")  # the shape of RFC 5646 §2.1
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token, RFC 9110 §5.6.2
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")  # RFC 9110 §5.5, no obs-text
_PLAIN = re.compile(r'[!"$->@-~]+')  # ASCII without spaces, "#" and "?"
_PLACEHOLDERS = {"zh": "[代码]", "default": "[code]"}


def text(value: object) -> str:
    """Any text that XML can hold, trimmed; it may have several lines and may be empty."""
    if not isinstance(value, str):
        raise ValueError("must be text in quotes")  # noqa: TRY004 - pydantic collects ValueErrors
    if xml_safe(value) != value:
        raise ValueError("must be text without control characters")
    return value.strip()


def line(value: object) -> str:
    """One line of text, not empty."""
    content = text(value)
    if not content:
        raise ValueError("must not be empty")
    if not content.isprintable():
        raise ValueError("must be one line of text without control characters")
    return content


def rule(value: object) -> Rule:
    """One rule of `include` or `exclude`."""
    return parse_rule(line(value))


def search(value: object) -> str:
    """A query that finds something."""
    content = line(value)
    if search_line(content) != content:
        raise ValueError(f"must be a search of at most {LONGEST_SEARCH} characters, single-spaced")
    if not parse_query(content):
        raise ValueError('must have words to look for, such as "rust -game"')
    return content


def secret(value: object) -> str:
    """Text that stays as it is, spaces included."""
    if not isinstance(value, str) or xml_safe(value) != value or "\n" in value or "\r" in value:
        raise ValueError("must be one line of text in quotes")
    return value


def token(value: object) -> str | None:
    """A secret that travels in a header; empty text means none."""
    if value == "":
        return None
    content = secret(value)
    if not content.isascii() or not content.isprintable() or " " in content:
        raise ValueError("must be ASCII letters, digits and signs, without spaces")
    return content


def switch(value: object) -> bool:
    match value:
        case bool():
            return value
        case "true" | "false":
            return value == "true"
        case _:
            raise ValueError("must be true or false, without quotes")


def whole_number(value: object, *, low: int, high: int) -> int:
    number = _whole_or_none(value)
    if number is None or not low <= number <= high:
        raise ValueError(f"must be a whole number from {low} to {high}")
    return number


def _whole_or_none(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) else None


def duration(value: object, *, zero: bool = False) -> timedelta:
    """A span such as "250ms", "90s", "15m", "1h" or "2d"; if `zero` is true also "0s" and 0."""
    span = _span_or_none(value)
    if span is None:
        raise ValueError('must be a duration such as "15m" or "1h"; units are ms, s, m, h and d')
    if span > LONGEST_SPAN:
        raise ValueError(f'must be at most "{LONGEST_SPAN.days}d"')
    if not (zero or span):
        raise ValueError('must be a duration longer than 0, such as "15m" or "1h"')
    return span


def _span_or_none(value: object) -> timedelta | None:
    if _whole_or_none(value) == 0:
        return timedelta()
    return span_of(value) if isinstance(value, str) else None


def size(value: object) -> int:
    """Bytes: 1024, "512KiB" (1024 each) or "10MB" (1000 each)."""
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found:
        number = int(float(found[1]) * _FACTORS[(found[2] or "b").lower()])
    if number is None:
        raise ValueError('must be a size such as "10MB" or "512KiB", or a number of bytes')
    if not 1 <= number <= _LARGEST_SIZE:
        raise ValueError('must be a size from 1 byte to "1024GiB"')
    return number


def backfill(value: object) -> int | timedelta | None:
    """So many entries, so far back, or None for all."""
    if value == "all":
        return None
    number = _whole_or_none(value)
    if number is not None and number >= 0:
        return number
    try:
        return duration(value, zero=True)
    except ValueError:
        sentence = 'must be a number of entries such as 10, a duration such as "7d", or "all"'
        raise ValueError(sentence) from None


def key(value: object) -> str:
    """What names a source or a publication, in files and addresses."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueError('must be made of letters, digits, "-" and "_" only')
    return value


def tag(value: object) -> str:
    """A tag is a part of an address (/tags/TAG), so it holds no slash."""
    content = line(value)
    if "/" in content:
        raise ValueError('must be a tag without "/"')
    return content


def language(value: object) -> str:
    if not isinstance(value, str) or not _LANGUAGE.fullmatch(value):
        raise ValueError('must be a language tag such as "en" or "zh-CN"')
    return value


def placeholders(value: object) -> tuple[tuple[str, str], ...]:
    """Language prefix to placeholder, longest prefix first; "" (the default) comes last."""
    if not isinstance(value, dict):
        raise ValueError('must be a table such as { zh = "[代码]", default = "[code]" }')  # noqa: TRY004 - as in `text`
    merged = _PLACEHOLDERS | {_prefix(name): text(shown) for name, shown in value.items()}
    default = merged.pop("default")
    longest_first = sorted(merged.items(), key=lambda item: (-len(item[0]), item[0]))
    return (*longest_first, ("", default))


def _prefix(name: str) -> str:
    if name != "default" and not _LANGUAGE.fullmatch(name):
        raise ValueError('must have languages such as "zh" or "default" as its keys')
    return name.lower()


def folder(value: object) -> Path | None:
    """A folder's path; empty text means none."""
    written = text(value)
    if not written.isprintable():
        raise ValueError("must be the path of a folder, in one line")
    return Path(written) if written else None


def source_url(value: object) -> str:
    url = web_url(value if isinstance(value, str) else None)
    if url is None or xml_safe(url) != url:
        raise ValueError('must be a web address such as "https://example.org/feed.xml"')
    if "@" in urlsplit(url).netloc:
        # The address is shown on pages and in feeds.
        raise ValueError('must not hold a user or password; use auth = "user:password"')
    return url


def hub(value: object) -> str:
    """The address of somebody else's hub, or "own"; empty text means none."""
    if isinstance(value, str) and value in {"", "own"}:
        return value
    try:
        return source_url(value)
    except ValueError:
        raise ValueError('must be "own", or the address of a hub, or "" for none') from None


def webhook_secret(value: object) -> str:
    """What signs a webhook's messages."""
    content = secret(value)
    if not content:
        raise ValueError("must not be empty; leave it out to send messages without a signature")
    return content


def site_url(value: object) -> str:
    """The address with a slash at its end."""
    url = web_url(value if isinstance(value, str) else None)
    if url is None or xml_safe(url) != url:
        raise ValueError('must be a web address such as "https://planet.example.org/"')
    if any(sign in url for sign in "?#@"):
        raise ValueError('must be a plain web address, without "?", "#" and "@"')
    return url.rstrip("/") + "/"


def database_url(value: object) -> str:
    match value:
        case str() if value.startswith("sqlite:///"):
            return _sqlite_url(value)
        case str() if value.startswith(("postgresql://", "postgres://")):
            return _postgres_url(value)
        case _:
            raise ValueError('must be "sqlite:///FILE" or "postgresql://USER@HOST/NAME"')


def placed(database_url: str, folder: Path) -> str:
    """The address with the file of SQLite's where it is, if it was relative to the folder."""
    start, sqlite, path = database_url.partition("sqlite:///")
    return f"sqlite:///{folder / path}" if sqlite and not start else database_url


def _sqlite_url(url: str) -> str:
    path = url.removeprefix("sqlite:///")
    if not path.strip("/") or path == ":memory:" or not path.isprintable():
        raise ValueError('must name a file, such as "sqlite:///aggregator.db"')
    if "?" in path or "#" in path:
        raise ValueError('must name a file without "?" and "#"; parameters are not taken')
    return url


def _postgres_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        readable = False
    if not readable or xml_safe(url) != url or not parts.path.strip("/"):
        raise ValueError(
            'must read like "postgresql://USER:PASSWORD@HOST:5432/NAME"; '
            "percent-encode special characters in the password"
        )
    return "postgresql" + url[url.index("://") :]  # the scheme has a short form


def proxy(value: object) -> str | None:
    """The address of a proxy; empty text means none."""
    if value == "":
        return None
    address = value if isinstance(value, str) else ""
    if address.startswith("socks"):
        raise ValueError("must be an http or https proxy; SOCKS is not spoken")
    if not _is_proxy(address):
        raise ValueError(
            'must read like "http://proxy.lan:3128" or "http://USER:PASSWORD@proxy.lan:3128"; '
            "percent-encode special characters in the password"
        )
    return address


def _is_proxy(address: str) -> bool:
    try:
        parts = urlsplit(address)
        listening_host(parts.hostname)
        port = parts.port
    except ValueError:
        return False
    is_whole = parts.scheme in {"http", "https"} and port and parts.path in {"", "/"}
    return bool(is_whole and _PLAIN.fullmatch(address))


def network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(
            'must be a network such as "127.0.0.0/8" or "fd00::/8", '
            "with nothing but zeros after its prefix"
        ) from None


def listening_host(value: object) -> str:
    name = value if isinstance(value, str) else ""
    try:
        ip_address(name)
    except ValueError:
        # Digits and dots that are no address would only fail later, as an unknown host.
        if not _HOST_NAME.fullmatch(name) or not name.strip("0123456789."):
            sentence = 'must be an address or a host name such as "127.0.0.1", without port'
            raise ValueError(sentence) from None
    return name


def header_value(value: object) -> str:
    if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
        raise ValueError("must be one line of ASCII text in quotes, not empty")
    return value


def headers(value: object) -> tuple[tuple[str, str], ...]:
    """Names and values, in the order of the file."""
    if not isinstance(value, dict):
        raise ValueError('must be a table such as { Accept-Language = "de" }')  # noqa: TRY004 - as in `text`
    for name, content in value.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("must have header names as its keys: ASCII, without spaces")
        try:
            header_value(content)
        except ValueError as error:
            raise ValueError(f"the value of {name} {error}") from None
    return tuple(value.items())


def user_agent(value: object) -> str:
    """Empty text means the default."""
    return value if value == "" and isinstance(value, str) else header_value(value)


def split_auth(value: object) -> object:
    """The table that "user:password" is short for (RFC 7617 §2); a table stays."""
    if isinstance(value, dict):
        return value
    user, colon, password = secret(value).partition(":") if isinstance(value, str) else ("",) * 3
    if not (user and colon):
        raise ValueError('must be "user:password" or { user = "…", password = "…" }')
    return {"user": user, "password": password}


def auth_user(value: object) -> str:
    name = secret(value)
    if not name or ":" in name:
        raise ValueError('must be a user name without ":"')
    return name
