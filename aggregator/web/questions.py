"""What the query of an API address asks for; what is wrong with it is said in a sentence."""

import difflib
from collections.abc import Collection
from datetime import datetime

from starlette.requests import Request

from aggregator.core.errors import UnknownPublication
from aggregator.core.publication import Publication
from aggregator.service.entry_lists import Scope
from aggregator.web.ports import Publications

MOST_ENTRIES = 500
USUAL_ENTRIES = 100


class BadQuestion(Exception):
    """A request that cannot be answered; its text says what to do."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def asked(request: Request, known: Collection[str]) -> dict[str, str]:
    """The parameters. Raises BadQuestion where one is unknown: a mistyped cursor went unseen."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"
            raise BadQuestion(400, f"unknown parameter {name}: {hint}")
        if name in found:
            raise BadQuestion(400, f"{name} stands there twice: send it once")
        found[name] = value
    return found


def limit_of(parameters: dict[str, str]) -> int:
    written = parameters.get("limit") or str(USUAL_ENTRIES)
    plain = written.isascii() and written.isdigit() and len(written) <= len(str(MOST_ENTRIES))
    if not plain or not 1 <= int(written) <= MOST_ENTRIES:
        raise BadQuestion(400, f"limit must be a whole number from 1 to {MOST_ENTRIES}")
    return int(written)


def scope_of(parameters: dict[str, str], publisher: Publications) -> Scope:
    slug, key = parameters.get("publication"), parameters.get("source")
    return Scope(
        publication=_publication(publisher, slug) if slug else None,
        sources=frozenset({_source(publisher, key)}) if key else None,
        search=parameters.get("q") or None,
    )


def _publication(publisher: Publications, slug: str) -> Publication:
    try:
        return publisher.find("publications", slug)
    except UnknownPublication:
        slugs = ", ".join(each.slug for each in publisher.publications())
        raise BadQuestion(404, f"there is no such publication: there are {slugs}") from None


def _source(publisher: Publications, key: str) -> str:
    try:
        return publisher.find("sources", key).slug
    except UnknownPublication:
        raise BadQuestion(404, "there is no such source: /api/sources lists them") from None


def moment_of(written: str) -> datetime | None:
    """A time with its offset (RFC 3339); None where the text is none."""
    try:
        # A plus sign that nobody escaped arrives as a space.
        moment = datetime.fromisoformat(written.strip().replace(" ", "+"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
