"""HTML from the templates. Every text is escaped; every address is http(s) or left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlsplit

from aggregator import __version__
from aggregator.core.publication import CONTENT_TYPES, Format, Publication, Site
from aggregator.core.urls import web_url
from aggregator.service.paging import Page
from aggregator.service.ports import PastPoll, SourceHealth
from aggregator.service.source_pages import SourcePage
from aggregator.service.states import state
from aggregator.web.listing import listed, pieces
from aggregator.web.ports import Report
from aggregator.web.responses import short_digest
from aggregator.web.theme import Filters, Folder, TemplateFault, Theme, read_folder

_FORMATS: tuple[tuple[Format, str], ...] = (("atom", "Atom"), ("rss", "RSS"), ("json", "JSON Feed"))

_SENTENCES = {
    400: "This address does not say clearly what it asks for. A page number is 1 or more.",
    404: "There is nothing at this address. It may have been renamed, or never have been here.",
    410: "What was at this address is published no more. It will not come back by itself.",
    405: "This address can only be read.",
    503: "The entries cannot be read right now. Please try again in a minute.",
}
_APOLOGY = "Something went wrong here, and it has been noted. Please try again later."

_RIGHT_TO_LEFT = frozenset(["ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"])

_THOUSAND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page stands: `path` is below the site's address, quoted for an address."""

    site: Site
    path: str
    navigation: tuple[Publication, ...]
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Tags to the keys of their sources."""
    live: bool = True
    """False on pages that are files: nothing answers there that has to be asked."""

    @property
    def root(self) -> str:
        """The site's address without its host: links hold on whatever name the visitor uses."""
        return urlsplit(self.site.url).path or "/"

    @property
    def direction(self) -> str:
        """Of the site's own language."""
        language = (self.site.language or "").lower().partition("-")[0]
        return "rtl" if language in _RIGHT_TO_LEFT else "ltr"

    @property
    def outward(self) -> str:
        """The `rel` of links that lead away."""
        return "noopener nofollow" if self.site.nofollow else "noopener"

    def href(self, path: str) -> str:
        return self.root + path

    def absolute(self, path: str) -> str:
        return self.site.url + path

    def tags_of(self, source: str) -> list[str]:
        """The tags of a source, given its key."""
        return sorted(tag for tag, keys in self.tags.items() if source in keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLink:
    name: str
    type: str
    path: str


class Pages:
    """`report` hears of the operator's templates that fail; ours take their place then."""

    def __init__(self, folder: Path | None = None, report: Report | None = None) -> None:
        self._report = report
        self._heard: set[str] = set()
        self._folder = read_folder(folder)
        self._theme = _theme(self._folder)

    @property
    def version(self) -> str:
        """Changes whenever the same entries would look different."""
        return short_digest(self._theme.version.encode(), __version__.encode())

    @property
    def stylesheet(self) -> bytes:
        return self._theme.stylesheet

    @property
    def style_version(self) -> str:
        """Stands in the stylesheet's address, so that a changed one is fetched anew."""
        return short_digest(self._theme.stylesheet)

    @property
    def icon(self) -> bytes:
        return self._theme.icon

    @property
    def touch_icon(self) -> bytes:
        """The same as PNG."""
        return self._theme.touch_icon

    def take(self, folder: Path | None) -> bool:
        """Makes pages of the files that are in the folder now; says whether they are others."""
        found = read_folder(folder)
        if found == self._folder:
            return False
        self._folder, self._theme = found, _theme(found)
        self._heard.clear()
        return True

    def faults(self) -> tuple[TemplateFault, ...]:
        """What is wrong with the operator's files."""
        return self._theme.faults()

    def entries(self, place: Place, page: Page) -> bytes:
        return self._render("entries.html", place, **_of_page(page))

    def sources(self, place: Place, page: SourcePage, now: datetime) -> bytes:
        """`now` is the steady clock's."""
        return self._render(
            "sources.html",
            place,
            page=page,
            listing=sources_at(place),
            rows=[(source, state(source, now)) for source in page.sources],
            numbers=page_numbers(page.number, page.pages),
        )

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
            **_of_page(page),
            source=source,
            state=state(source, now),
            polls=polls,
        )

    def search(self, place: Place, page: Page, looked_for: str) -> bytes:
        """What a search found."""
        return self._render("search.html", place, **_of_page(page), looked_for=looked_for)

    def search_start(self, place: Place) -> bytes:
        """The search without anything to look for."""
        return self._render("search_start.html", place)

    def tags(self, place: Place) -> bytes:
        """All tags, each with the number of its sources."""
        rows = [(tag, len(place.tags[tag])) for tag in sorted(place.tags, key=str.casefold)]
        return self._render("tags.html", place, rows=rows)

    def failure(self, place: Place, status: int) -> bytes:
        return self._render(
            "failure.html",
            place,
            phrase=HTTPStatus(status).phrase,
            sentence=_SENTENCES.get(status, _APOLOGY),
        )

    def _render(self, template: str, place: Place, **values: object) -> bytes:
        body, fault = self._theme.render(template, place=place, **values)
        if fault and self._report and str(fault) not in self._heard:
            self._heard.add(str(fault))
            self._report(f"making a page of {template}; ours stands in", fault)
        return body


def _theme(folder: Folder) -> Theme:
    values = {"generator": f"aggregator {__version__}", "feed_links": feed_links}
    return Theme(folder, filters=FILTERS, values=values)


def _of_page(page: Page) -> dict[str, object]:
    return {
        "page": page,
        "publication": page.publication,
        "entries": listed(page.entries),
        "feeds": feed_links(page.publication),
        "numbers": page_numbers(page.number, page.pages),
    }


def sources_at(place: Place) -> Publication:
    """Where the pages with all sources are; they have no feeds."""
    return Publication(slug="sources", title="Sources", path="sources", in_folders=not place.live)


def feed_links(publication: Publication) -> tuple[FeedLink, ...]:
    """A publication's feeds, the preferred one first."""
    return tuple(
        FeedLink(
            name=name,
            type=CONTENT_TYPES[format].partition(";")[0],
            path=publication.at(format),
        )
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


def size(length: int) -> str:
    """Bytes, to be read: "48.1 MB", in thousands."""
    amount, units = float(length), iter(("kB", "MB", "GB"))
    unit = "bytes"
    while amount >= _THOUSAND and (larger := next(units, None)):
        amount, unit = amount / _THOUSAND, larger
    return f"{amount:.0f} {unit}" if unit in {"bytes", "kB"} else f"{amount:.1f} {unit}"


def play_time(seconds: int) -> str:
    """How long something plays: "1:02:33", "4:05"."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _segment(name: str) -> str:
    """As one segment of an address."""
    return quote(name, safe="")


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


FILTERS: Filters = {
    "web_url": web_url,
    "pieces": pieces,
    "segment": _segment,
    "day": _day,
    "minute": _minute,
    "second": _second,
    "instant": _instant,
    "milliseconds": _milliseconds,
    "size": size,
    "play_time": play_time,
}
"""What templates may do with a value, by name."""
