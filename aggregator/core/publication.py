"""What we publish: a publication, the window it shows, and the documents made from it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlencode

from aggregator.core.archives import Volume
from aggregator.core.filters import NO_FILTER, Filter
from aggregator.core.joined import Joined
from aggregator.core.leaves import ALONE, Links
from aggregator.core.model import Takedown

Format = Literal["atom", "rss", "json"]

MOST_SHOWN = 1000
"""Stories of one feed document at most."""

SHOWN_FOR = timedelta(hours=48)
"""How far back a feed goes, however much there is, unless the configuration says otherwise."""

CONTENT_TYPES: dict[Format, str] = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who publishes. `url` ends with a slash; every absolute link that we print starts with it."""

    title: str
    url: str
    tagline: str = ""
    description: str = ""
    language: str | None = None
    author: str = ""
    icon: str | None = None
    page_size: int = 12
    excerpt_length: int = 350
    """Characters."""
    code_placeholders: tuple[tuple[str, str], ...] = (("zh", "[代码]"), ("", "[code]"))
    """Language prefix to placeholder, the first match wins; "" matches every language."""
    noindex: bool = False
    """Whether search engines are asked to leave the site alone."""
    nofollow: bool = False
    """Whether they are asked to take no link that leads away for a recommendation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A merged feed: which sources it takes from, and how much it shows."""

    slug: str
    title: str
    path: str
    """Where it is served, below the site: "publications/SLUG", "sources/KEY"; "" for `latest`."""
    description: str = ""
    sources: frozenset[str] | None = None
    """Keys; None means every source."""
    filter: Filter = NO_FILTER
    """Its own; beside it hold the one for all and those of the sources."""
    languages: frozenset[str] | None = None
    limit: int = 100
    window: timedelta | None = None
    """Its feeds go so far back at least, by rank and from the newest story: the clock moves none.
    None: just `limit`."""
    search: str | None = None
    """A query (`searching`); it shows what that finds."""
    max_per_source: int | None = None
    max_per_day: tuple[tuple[str, int], ...] = ()
    """Keys of sources, and how many stories of one day (in UTC, by rank) it shows of each."""
    max_age: timedelta | None = None
    tombstones: bool = False
    """Whether its Atom document names what was taken down (RFC 6721)."""
    query: tuple[tuple[str, str], ...] = ()
    """What its addresses carry behind the question mark, beside the page's number."""
    in_folders: bool = False
    """Whether it is written as files: no question mark tells one from another."""

    def has_room(self, place: int, rank_at: datetime, newest: datetime) -> bool:
        """Whether its feeds show what passes at a place (from 1); `newest` is the first's rank."""
        if place <= self.limit:
            return True
        recent = self.window is not None and newest - rank_at <= self.window
        return recent and place <= MOST_SHOWN

    def at(
        self, format: Format | None = None, *, page: int = 1, volume: Volume | None = None
    ) -> str:
        """The address below the site's of its web page, or of its feed in a format."""
        if self.in_folders:
            return self._in_folders(format, page, volume)
        path = self.path if format is None else f"{self.path or 'feed'}.{format}"
        query = [*self.query, ("page", str(page))] if page > 1 else list(self.query)
        if volume is not None:
            query.append(("archive", str(volume)))
        return f"{path}?{urlencode(query)}" if query else path

    def _in_folders(self, format: Format | None, page: int, volume: Volume | None) -> str:
        if format is None:
            parts = [self.path, *(("page", str(page)) if page > 1 else ())]
            return "".join(f"{part}/" for part in parts if part)
        stem = self.path or "feed"
        return f"{stem}.{format}" if volume is None else f"{stem}/archive/{volume}.{format}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A document's own head: what a writer needs beside the entries. Addresses are absolute."""

    title: str
    id: str
    """atom:id; fixed for the publication's life."""
    self_url: str
    """Where this very document is served."""
    page_url: str
    """The web page that shows the same entries."""
    updated: datetime
    """The newest `updated` of what is shown; never the clock."""
    subtitle: str = ""
    language: str | None = None
    author: str = ""
    icon: str | None = None
    links: Links = ALONE
    """The other documents of the feed."""
    hub: str | None = None
    """Where its readers may ask to be told of changes (WebSub)."""
    deleted: tuple[Takedown, ...] = ()
    """Stories that readers shall forget (RFC 6721)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A rendered publication, ready to be served."""

    text: Joined = field(compare=False)
    """Equal tags are of equal bytes."""
    content_type: str
    etag: str
    """Strong and quoted, of these very bytes; a packed form has another."""
    last_modified: datetime
    """When what it shows last changed; never in the future."""
    self_url: str
    hub: str | None = None
    until: datetime | None = None
    """When time alone will change it."""
    before: Volume | None = None
    """The volume of its archive that goes on where it ends."""

    @property
    def body(self) -> bytes:
        """Put together when it is first asked for."""
        return self.text.body
