"""Which coding a request asks for, and whether it holds the answer already (RFC 9110 §12, §13)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TAG = re.compile(r'(?:W/)?("[^"]*")')

# Proxies that compress on the way mark the tag so and send it back unmended: "x-gzip", "x;br".
_PROXY_MARK = re.compile(r'[-;](?:gzip|br|zstd|df)"$')


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The validators of one resource: a strong tag per coding, and when it last changed."""

    etag: str
    gzip_etag: str
    last_modified: datetime | None = None


def prefers_gzip(accept_encoding: str) -> bool:
    """Whether gzip is accepted and nothing is said to be better (RFC 9110 §12.5.3)."""
    weights = dict(map(_weighed, accept_encoding.lower().split(",")))
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weighed(item: str) -> tuple[str, float]:
    coding, _, parameter = item.partition(";")
    name, _, value = parameter.partition("=")
    try:
        weight = float(value) if name.strip() == "q" else 1.0
    except ValueError:
        weight = 0.0
    return coding.strip(), weight


def still_valid(
    validity: Validity, *, gzip: bool, if_none_match: str | None, if_modified_since: str | None
) -> str | None:
    """The tag under which the client still holds the resource; None when it has to be sent.

    If-None-Match wins over If-Modified-Since (RFC 9110 §13.2.2).
    """
    chosen = validity.gzip_etag if gzip else validity.etag
    if if_none_match is not None:
        return _held(validity, chosen, if_none_match)
    if if_modified_since is not None and validity.last_modified is not None:
        return chosen if _unchanged_since(validity.last_modified, if_modified_since) else None
    return None


def _held(validity: Validity, chosen: str, if_none_match: str) -> str | None:
    tags = set(_TAG.findall(if_none_match))
    if if_none_match.strip() == "*" or chosen in tags:
        return chosen
    foreign = tags - {validity.gzip_etag}
    plain = {_PROXY_MARK.sub('"', tag) for tag in foreign}
    # Who takes gzip can use the identity form as well; not so the other way round.
    return validity.etag if validity.etag in plain else None


def _unchanged_since(last_modified: datetime, if_modified_since: str) -> bool:
    try:
        since = parsedate_to_datetime(if_modified_since)
    except (ValueError, TypeError, OverflowError):
        return False
    if since.tzinfo is None:  # "-0000": UTC of unknown origin (RFC 5322 §3.3)
        since = since.replace(tzinfo=UTC)
    return last_modified.replace(microsecond=0) <= since
