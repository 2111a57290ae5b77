"""Which coding a request asks for, and whether it holds the answer already (RFC 9110 §12, §13)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from aggregator.formats.packing import CODINGS, Coding

Form = Coding | Literal["identity"]
"""How a body may be sent; "identity" is as it is."""

_FORMS: tuple[Form, ...] = (*CODINGS, "identity")

_MARKS: dict[Form, str] = {"br": ".br", "zstd": ".zst", "gzip": ".gz", "identity": ""}
"""Ends of our tags. None of them is what a proxy would add."""

_TAG = re.compile(r'(?:W/)?"([^"]*)"')

# Proxies that compress on the way mark the tag so and send it back unmended: "x-gzip", "x;br".
_PROXY_MARK = re.compile(r"[-;](?:gzip|br|zstd|df)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The validators of one resource. `tag` is opaque, without quotes; each form makes its own."""

    tag: str
    last_modified: datetime | None = None

    def etag(self, form: Form) -> str:
        """Strong: each form has other bytes."""
        return f'"{self.tag}{_MARKS[form]}"'


def forms_for(accept_encoding: str) -> tuple[Form, ...]:
    """What may be sent, best first (RFC 9110 §12.5.3); where nothing else is said, the smallest.

    The plain form is always among them: better than an answer that is none.
    """
    weights = dict(_weighed(accept_encoding))
    weights.setdefault("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    ranks: dict[Form, float] = {"identity": weights.get("identity", 0.0)}
    for coding in CODINGS:
        weight = weights.get(coding, weights.get("*", 0.0))
        if weight > 0:
            ranks[coding] = weight
    return tuple(sorted(ranks, key=lambda form: (-ranks[form], _FORMS.index(form))))


_FEEDPARSER_ACCEPTS = (
    "application/atom+xml,application/rdf+xml,application/rss+xml,application/x-netcdf,"
    "application/xml;q=0.9,text/xml;q=0.2,*/*;q=0.1"
)


def wants_delta(a_im: str, accept: str) -> bool:
    """Whether a feed may be answered with what is new alone (RFC 3229 §10.5.3, "feed").

    Not where feedparser asks, which it does for whatever program it is part of: rss2email and
    others take a 226 for a failure, and would never see a new entry. It is told by what it accepts.
    """
    asked = dict(_weighed(a_im)).get("feed", 0.0) > 0
    return asked and accept.replace(" ", "") != _FEEDPARSER_ACCEPTS


def _weighed(listed: str) -> Iterable[tuple[str, float]]:
    for item in listed.lower().split(","):
        name, _, parameters = item.partition(";")
        yield name.strip(), _weight(parameters)


def _weight(parameters: str) -> float:
    name, _, value = parameters.partition(";")[0].partition("=")
    try:
        weight = float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def held_form(
    validity: Validity,
    forms: Sequence[Form],
    *,
    if_none_match: str | None,
    if_modified_since: str | None,
) -> Form | None:
    """The form in which the client still holds the resource; None when it has to be sent.

    `forms` are those that it takes, best first. If-None-Match wins over If-Modified-Since
    (RFC 9110 §13.2.2); it compares weakly, as nobody asks for parts of our bytes.
    """
    if if_none_match is not None:
        if if_none_match.strip() == "*":
            return forms[0]
        tags = {f'"{tag}"' for tag in _tags(if_none_match)}
        return next((form for form in forms if validity.etag(form) in tags), None)
    if if_modified_since is not None and validity.last_modified is not None:
        return forms[0] if _unchanged_since(validity.last_modified, if_modified_since) else None
    return None


def held_tags(if_none_match: str) -> list[str]:
    """What `Validity.tag` may have been for the tags that a client holds."""
    return [
        tag.removesuffix(mark)
        for tag in _tags(if_none_match)
        for mark in _MARKS.values()
        if tag.endswith(mark)
    ]


def _tags(if_none_match: str) -> list[str]:
    """The tags that are listed, without quotes, and what they were before a proxy marked them."""
    listed = _TAG.findall(if_none_match)
    return [*listed, *(_PROXY_MARK.sub("", tag) for tag in listed if _PROXY_MARK.search(tag))]


def _unchanged_since(last_modified: datetime, if_modified_since: str) -> bool:
    try:
        since = parsedate_to_datetime(if_modified_since)
    except (ValueError, TypeError, OverflowError):
        return False
    if since.tzinfo is None:  # "-0000": UTC of unknown origin (RFC 5322 §3.3)
        since = since.replace(tzinfo=UTC)
    return last_modified.replace(microsecond=0) <= since
