"""The Link fields of an answer (RFC 8288) that name hubs and the document itself. Pure."""

import re

from aggregator.core.offers import Links, links_from
from aggregator.fetch.headers import Fields

_MOST_BYTES = 16 * 1024
"""Of all Link fields together; what stands behind is not read."""

_TARGET = re.compile(r"\s*<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([^\s"=;,]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_REST = re.compile(r"[^,<]*,?")


def links_of(fields: Fields, base: str) -> Links:
    """`base` is the address of the answer."""
    lines = [value.decode("latin-1") for value in fields.get(b"link", ())]
    if not lines:
        return Links()
    hubs: list[str | None] = []
    own: str | None = None
    for target, relations in _parsed(", ".join(lines)[:_MOST_BYTES]):
        if "hub" in relations:
            hubs.append(target)
        if "self" in relations and own is None:
            own = target
    return links_from(hubs, own, base)


def _parsed(text: str) -> list[tuple[str, frozenset[str]]]:
    """Targets with their relations; links about something else than the document are left out."""
    found = []
    at = 0
    while at < len(text):
        target = _TARGET.match(text, at)
        if target is None:
            at = max(_REST.match(text, at).end(), at + 1)  # type: ignore[union-attr] # matches all
            continue
        parameters, at = _parameters(text, target.end())
        if "anchor" not in parameters:
            found.append((target[1], frozenset(parameters.get("rel", "").lower().split())))
    return found


def _parameters(text: str, at: int) -> tuple[dict[str, str], int]:
    parameters: dict[str, str] = {}
    while match := _PARAMETER.match(text, at):
        at = match.end()
        quoted, token = match[2], match[3]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token or ""
        parameters.setdefault(match[1].lower(), value)  # RFC 8288 §3.3: the first `rel` counts
    return parameters, at
