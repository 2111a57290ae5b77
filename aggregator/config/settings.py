"""The settings as frozen values: one model a section, with every default.

Fields with `repr=False` hold secrets, or may hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from aggregator.config import values
from aggregator.config.lines import Location
from aggregator.core.publication import MOST_SHOWN, SHOWN_FOR
from aggregator.core.rules import Rule

LATEST = "latest"
"""The slug of the publication that always exists."""

Text = Annotated[str, PlainValidator(values.text)]
Line = Annotated[str, PlainValidator(values.line)]
Secret = Annotated[str, PlainValidator(values.secret)]
Switch = Annotated[bool, PlainValidator(values.switch)]
Span = Annotated[timedelta, PlainValidator(values.duration)]
SpanOrZero = Annotated[timedelta, PlainValidator(partial(values.duration, zero=True))]
Key = Annotated[str, PlainValidator(values.key)]
Tag = Annotated[str, PlainValidator(values.tag)]
Language = Annotated[str, PlainValidator(values.language)]
WebUrl = Annotated[str, PlainValidator(values.source_url)]
UserAgent = Annotated[str, PlainValidator(values.user_agent)]
Rules = tuple[Annotated[Rule, PlainValidator(values.rule)], ...]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(values.network)]


def _whole(low: int, high: int) -> PlainValidator:
    return PlainValidator(partial(values.whole_number, low=low, high=high))


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SiteSettings(_Section):
    """Who publishes."""

    title: Line
    url: Annotated[str, PlainValidator(values.site_url)] = "http://127.0.0.1:8000/"
    """Ends with a slash."""
    tagline: Text = ""
    description: Text = ""
    language: Language | None = None
    author: Text = ""
    icon: WebUrl | None = None
    page_size: Annotated[int, _whole(1, 200)] = 12
    excerpt_length: Annotated[int, _whole(1, 2000)] = 350
    """Characters."""
    code_placeholders: Annotated[
        tuple[tuple[str, str], ...], PlainValidator(values.placeholders)
    ] = values.placeholders({})
    """Language prefix to placeholder, the first match wins; "" matches every language."""
    noindex: Switch = False
    """Asks search engines to leave the site alone."""
    nofollow: Switch = False
    """Asks them to take no link that leads away for a recommendation."""
    templates: Annotated[Path | None, PlainValidator(values.folder)] = None
    """The folder whose templates replace ours; absolute."""


class DatabaseSettings(_Section):
    """Where entries are kept."""

    url: Annotated[str, PlainValidator(values.database_url)] = Field(
        default="sqlite:///aggregator.db", repr=False
    )
    """As written, except that the path of a SQLite file is absolute."""


class EngineSettings(_Section):
    """Who hands out what is to be polled."""

    kind: Literal["local", "pgqueuer"] | None = None
    """None: as the database is, and what is installed."""


class ServerSettings(_Section):
    """Where we listen."""

    host: Annotated[str, PlainValidator(values.listening_host)] = "127.0.0.1"
    port: Annotated[int, _whole(1, 65535)] = 8000
    admin_token: Annotated[str | None, PlainValidator(values.token)] = Field(
        default=None, repr=False
    )
    """Without it nothing that changes state is served."""
    xml_content_type: Literal["application/xml", "text/xml"] | None = None
    """What Atom and RSS are sent as; None means their registered types."""


class FetchSettings(_Section):
    """How sources are polled, unless a source says otherwise."""

    interval: Span = timedelta(hours=1)
    """The shortest time between two polls of a source."""
    max_interval: Span | None = None
    """The longest that a source's rhythm may make of it; None: some intervals."""
    timeout: Span = timedelta(seconds=20)
    """The whole poll, from connect to last byte."""
    max_body: Annotated[int, PlainValidator(values.size)] = 10_000_000
    """Bytes, decompressed."""
    concurrency: Annotated[int, _whole(1, 1000)] = 64
    per_host_delay: SpanOrZero = timedelta(seconds=1)
    allow_networks: tuple[Network, ...] = ()
    user_agent: UserAgent = ""
    """Empty means our own name and version."""


class RetentionSettings(_Section):
    """How long entries are kept."""

    keep: SpanOrZero = timedelta(days=90)
    keep_per_source: Annotated[int, _whole(0, 1_000_000)] = 50


class WebsubSettings(_Section):
    """What is pushed: to us, and to those who read us."""

    subscribe: Switch = True
    """Whether sources that offer a hub push to us."""
    hub: Annotated[str, PlainValidator(values.hub)] = ""
    """What tells our subscribers: the address of somebody else's hub, or "own"; empty: none."""
    allow_networks: tuple[Network, ...] = ()
    """Private networks that subscribers of our own hub may live in."""


class PublishSettings(_Section):
    """Static files beside the server."""

    dir: Annotated[Path | None, PlainValidator(values.folder)] = None
    """The folder that the daemon writes after every change; absolute."""


class FiltersSettings(_Section):
    """Which entries of all sources are shown anywhere."""

    include: Rules = ()
    exclude: Rules = ()


class AuthSettings(_Section):
    """User and password for HTTP Basic."""

    user: Annotated[str, PlainValidator(values.auth_user)] = Field(repr=False)
    password: Secret = Field(repr=False)


class SourceSettings(_Section):
    """A feed that we poll. None means: as [fetch] or the feed itself says."""

    url: WebUrl = Field(repr=False)
    name: Line | None = None
    tags: tuple[Tag, ...] = ()
    interval: Span | None = None
    backfill: Annotated[int | timedelta | None, PlainValidator(values.backfill)] = 10
    """So many of a new source's newest entries, or those so far back; None means all."""
    enabled: Switch = True
    priority: Annotated[int, _whole(-1000, 1000)] = 0
    max_per_day: Annotated[int, _whole(1, 100_000)] | None = None
    headers: Annotated[tuple[tuple[str, str], ...], PlainValidator(values.headers)] = Field(
        default=(), repr=False
    )
    """Names and values."""
    auth: Annotated[AuthSettings, BeforeValidator(values.split_auth)] | None = Field(
        default=None, repr=False
    )
    include: Rules = ()
    exclude: Rules = ()
    updates: Literal["silent", "bump", "ignore"] = "silent"
    language: Language | None = None
    content: Literal["full", "summary", "title"] = "full"
    user_agent: UserAgent | None = None
    timeout: Span | None = None
    iframes: Switch = False
    """Keeps the frames of known players; without it they become links."""
    http2: Switch = False
    proxy: Annotated[str | None, PlainValidator(values.proxy)] = Field(default=None, repr=False)


class WebhookSettings(_Section):
    """An address that is told of a publication's new entries."""

    url: WebUrl = Field(repr=False)
    secret: Annotated[str | None, PlainValidator(values.webhook_secret)] = Field(
        default=None, repr=False
    )
    """Signs what is sent."""


class PublicationSettings(_Section):
    """A merged feed. With neither tags nor sources it takes from every source."""

    title: Line = ""
    """When the file gives none: the site's for `latest`, else the slug."""
    formerly: tuple[Key, ...] = ()
    """Slugs that it had before."""
    description: Text = ""
    tags: tuple[Tag, ...] = ()
    sources: tuple[Key, ...] = ()
    include: Rules = ()
    exclude: Rules = ()
    languages: tuple[Language, ...] = ()
    search: Annotated[str, PlainValidator(values.search)] | None = None
    limit: Annotated[int, _whole(1, MOST_SHOWN)] = 100
    window: Span | None = None
    """What `limit` makes room for at least; None: see `shown_for`."""
    max_per_source: Annotated[int, _whole(1, 1000)] | None = None
    max_age: Span | None = None
    tombstones: Switch = False
    """Names in its Atom document what was taken down (RFC 6721)."""
    webhooks: tuple[WebhookSettings, ...] = ()

    @property
    def shown_for(self) -> timedelta | None:
        """How far back its feeds go at least; None where a `limit` that is written stands alone."""
        if self.window is None and "limit" in self.model_fields_set:
            return None
        return self.window or SHOWN_FOR


class ConfigFile(_Section):
    """config.toml as a whole."""

    site: SiteSettings
    database: DatabaseSettings = DatabaseSettings()
    engine: EngineSettings = EngineSettings()
    server: ServerSettings = ServerSettings()
    fetch: FetchSettings = FetchSettings()
    retention: RetentionSettings = RetentionSettings()
    websub: WebsubSettings = WebsubSettings()
    filters: FiltersSettings = FiltersSettings()
    publish: PublishSettings = PublishSettings()
    sources: Annotated[dict[Key, SourceSettings], Field(min_length=1)]
    publications: dict[Key, PublicationSettings] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the file says, checked and complete."""

    site: SiteSettings
    database: DatabaseSettings
    engine: EngineSettings
    server: ServerSettings
    fetch: FetchSettings
    retention: RetentionSettings
    websub: WebsubSettings
    filters: FiltersSettings
    publish: PublishSettings
    sources: Mapping[str, SourceSettings]
    """By key, in the order of the file."""
    publications: Mapping[str, PublicationSettings]
    """By slug; `latest` is always among them, and every one has a title."""
    shown_urls: Mapping[str, str] = field(default_factory=dict)
    """By key: the source's address as it may be shown and kept."""
    doubts: tuple[str, ...] = field(default=(), compare=False)
    """What of the file is no mistake and still looks wrong, a line each."""
    rule_places: Mapping[Location, str] = field(default_factory=dict, compare=False)
    """Where the rules and their lists stand, as people find them: file, line and key."""

    def where(self, place: Location) -> str:
        """Where a rule, or a list of them, stands: file, line and key."""
        return self.rule_places.get(place) or ".".join(map(str, place))

    def keys_of(self, publication: PublicationSettings) -> frozenset[str] | None:
        """The sources that it takes from: those named and those with one of its tags; None: all."""
        if not (publication.sources or publication.tags):
            return None
        wanted = set(publication.tags)
        tagged = {key for key, source in self.sources.items() if wanted.intersection(source.tags)}
        return frozenset(tagged.union(publication.sources))
