"""HTML from the templates. Every text is escaped; every address is http(s) or left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib.resources import files
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from aggregator.core.publication import CONTENT_TYPES, Format, Publication, Site
from aggregator.core.shown import Shown
from aggregator.core.urls import web_url
from aggregator.service.paging import Page
from aggregator.service.ports import PastPoll, SourceHealth
from aggregator.service.states import state
from aggregator.web.responses import short_digest

STYLESHEET = (files("aggregator.web") / "static/style.css").read_bytes()
ICON = (files("aggregator.web") / "static/icon.svg").read_bytes()
STYLE_VERSION = short_digest(STYLESHEET)
"""Stands in the stylesheet's address, so that a changed one is fetched anew."""

_LONGEST_BORROWED_TITLE = 80
"""Characters of the excerpt that stand in for a missing title."""

_FORMATS: tuple[tuple[Format, str], ...] = (("atom", "Atom"), ("rss", "RSS"), ("json", "JSON Feed"))

_SENTENCES = {
    400: "This address does not say clearly what it asks for. A page number is 1 or more.",
    404: "There is nothing at this address. It may have been renamed, or never have been here.",
    405: "This address can only be read.",
    503: "The entries cannot be read right now. Please try again in a minute.",
}
_APOLOGY = "Something went wrong here, and it has been noted. Please try again later."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page stands: `path` is below the site's address, quoted for an address."""

    site: Site
    path: str
    navigation: tuple[Publication, ...]

    @property
    def root(self) -> str:
        """The site's address without its host: links hold on whatever name the visitor uses."""
        return urlsplit(self.site.url).path or "/"

    def href(self, path: str) -> str:
        return self.root + path

    def absolute(self, path: str) -> str:
        return self.site.url + path


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLink:
    name: str
    type: str
    path: str


class Pages:
    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("aggregator.web", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            headline=headline,
            web_url=web_url,
            day=_day,
            minute=_minute,
            second=_second,
            instant=_instant,
            milliseconds=_milliseconds,
        )
        self._templates.globals.update(style_version=STYLE_VERSION)
        self.version = short_digest(STYLESHEET, *_template_texts(self._templates))
        """Changes whenever the same entries would look different."""

    def entries(self, place: Place, page: Page) -> bytes:
        return self._render(
            "entries.html",
            place,
            page=page,
            feeds=feed_links(place.path),
            numbers=page_numbers(page.number, page.pages),
        )

    def sources(self, place: Place, sources: list[SourceHealth], now: datetime) -> bytes:
        """`now` is the steady clock's."""
        rows = [(source, state(source, now)) for source in sources]
        return self._render("sources.html", place, rows=rows)

    def source(
        self,
        place: Place,
        page: Page,
        source: SourceHealth,
        polls: Sequence[PastPoll],
        now: datetime,
    ) -> bytes:
        """A source's entries and its health; `now` is the steady clock's."""
        return self._render(
            "source.html",
            place,
            page=page,
            feeds=feed_links(place.path),
            numbers=page_numbers(page.number, page.pages),
            source=source,
            state=state(source, now),
            polls=polls,
        )

    def failure(self, place: Place, status: int) -> bytes:
        return self._render(
            "failure.html",
            place,
            phrase=HTTPStatus(status).phrase,
            sentence=_SENTENCES.get(status, _APOLOGY),
        )

    def _render(self, template: str, place: Place, **values: object) -> bytes:
        return self._templates.get_template(template).render(place=place, **values).encode()


def _template_texts(templates: Environment) -> list[bytes]:
    folder = files("aggregator.web") / "templates"
    return [(folder / name).read_bytes() for name in sorted(templates.list_templates())]


def feed_links(path: str) -> tuple[FeedLink, ...]:
    """The addresses of a publication's feeds, given that of its page."""
    stem = path or "feed"
    return tuple(
        FeedLink(name=name, type=CONTENT_TYPES[format].partition(";")[0], path=f"{stem}.{format}")
        for format, name in _FORMATS
    )


def page_numbers(number: int, pages: int) -> list[int | None]:
    """The numbers to show: both ends and the neighbours; None where some are left out."""
    near = {1, pages, *range(number - 1, number + 2)}
    shown = sorted(candidate for candidate in near if 1 <= candidate <= pages)
    numbers: list[int | None] = []
    for before, current in zip([0, *shown], shown, strict=False):
        if current - before == 2:  # noqa: PLR2004 - a gap of one is shorter as its number
            numbers.append(current - 1)
        elif current - before > 2:  # noqa: PLR2004
            numbers.append(None)
        numbers.append(current)
    return numbers


def headline(shown: Shown) -> str:
    """The title; without one, how the text begins."""
    if shown.entry.content.title:
        return shown.entry.content.title
    text = shown.excerpt
    if len(text) <= _LONGEST_BORROWED_TITLE:
        return text or "Untitled"
    whole_words = re.sub(r"\s\S*$", "", text[: _LONGEST_BORROWED_TITLE + 1])
    return whole_words[:_LONGEST_BORROWED_TITLE].rstrip() + "…"


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _second(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _milliseconds(span: timedelta) -> str:
    return f"{span / timedelta(milliseconds=1):.0f} ms"


def _instant(moment: datetime) -> str:
    """RFC 3339, as the attribute `datetime` has it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
