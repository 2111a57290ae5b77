"""What is published, as configured, and what is found in it under a name."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import quote

from aggregator.core.digest import digest
from aggregator.core.errors import UnknownPublication
from aggregator.core.excerpt import excerpt
from aggregator.core.filters import NO_FILTERS, Filters
from aggregator.core.model import PublishedEntry
from aggregator.core.publication import CONTENT_TYPES, SHOWN_FOR, Format, Publication, Site
from aggregator.core.shown import ContentMode, Shown

Kind = Literal["publications", "sources", "tags"]

HUB = "hub"
"""Where our own hub is served, below the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What is published, as configured."""

    site: Site
    publications: tuple[Publication, ...]
    """`latest` first."""
    names: Mapping[str, str]
    """Source keys, in their order, to the names that they are shown under."""
    tags: Mapping[str, frozenset[str]]
    """Tags to the keys of their sources."""
    tags_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Keys of sources to their tags, in the order of the configuration."""
    filters: Filters = NO_FILTERS
    """Those that hold in every publication."""
    content: Mapping[str, ContentMode] = field(default_factory=dict)
    """How much of a source's entries is shown; "full" where it does not say."""
    max_per_day: Mapping[str, int] = field(default_factory=dict)
    """How many entries of a source one day shows beside others', by key."""
    hub: str = ""
    """The hub that our feeds name (WebSub): the address of somebody else's, "own", or none."""
    formerly: Mapping[str, str] = field(default_factory=dict)
    """Former slugs of publications to those of today."""
    xml_content_type: str | None = None
    """What Atom and RSS are sent as instead of their registered types."""

    def find(self, kind: Kind, name: str) -> Publication:
        """What is published under a slug, a source's key or a tag; raises UnknownPublication."""
        match kind:
            case "publications":
                found = next((p for p in self.publications if p.slug == name), None)
            case "sources":
                found = self._of_source(name)
            case "tags":
                found = self._of_tag(name)
        if found is None:
            raise UnknownPublication(f"nothing is published under {kind}/{name}")
        return found

    def moved(self, kind: Kind, name: str) -> Publication | None:
        """The publication that had this slug before it was renamed."""
        slug = self.formerly.get(name) if kind == "publications" else None
        return None if slug is None else self.find(kind, slug)

    def served(self) -> set[tuple[Kind, str]]:
        """Everything that has a page and feeds of its own."""
        named: dict[Kind, Iterable[str]] = {
            "publications": (each.slug for each in self.publications),
            "sources": self.names,
            "tags": self.tags,
        }
        return {(kind, name) for kind, names in named.items() for name in names}

    def content_type(self, format: Format) -> str:
        """What a feed in this format is sent as."""
        if format == "json" or self.xml_content_type is None:
            return CONTENT_TYPES[format]
        return f"{self.xml_content_type}; charset=utf-8"

    def _of_source(self, key: str) -> Publication | None:
        name = self.names.get(key)
        if name is None:
            return None
        return Publication(
            slug=key,
            title=name,
            path=f"sources/{key}",
            sources=frozenset({key}),
            window=SHOWN_FOR,
        )

    def _of_tag(self, tag: str) -> Publication | None:
        keys = self.tags.get(tag)
        if keys is None:
            return None
        title = f"{self.site.title}: {tag}"
        path = f"tags/{quote(tag, safe='')}"
        return Publication(
            slug=tag,
            title=title,
            path=path,
            sources=keys,
            window=SHOWN_FOR,
            max_per_day=side_by_side(self.max_per_day, keys),
        )

    def searching(self, text: str) -> Publication:
        """What a search finds, as a publication; `text` in the form of `search_line`."""
        return Publication(
            slug="search",
            title=f"{self.site.title}: “{text}”",
            path="search",
            query=(("q", text),),
            search=text,
        )

    @property
    def foreign_hub(self) -> str | None:
        """Somebody else's hub, which is to be told of changes."""
        return self.hub if self.hub and not self.hub_is_own else None

    @property
    def hub_is_own(self) -> bool:
        return self.hub == "own"

    def hub_of(self, publication: Publication) -> str | None:
        """The hub that its feeds name: of somebody else's hub we tell only what is configured as a
        publication, since whoever names it has to tell it of every change. What a search finds
        is no topic.
        """
        if publication.query:
            return None
        if self.hub_is_own:
            return self.site.url + HUB
        return self.foreign_hub if publication in self.publications else None

    def show(self, story: PublishedEntry) -> Shown:
        """As the site shows it: with an excerpt, and as much content as its source allows."""
        content, mode = story.content, self.content.get(story.source.key, "full")
        begins = excerpt(
            "" if mode == "title" else content.text or content.summary,
            language=content.language,
            length=self.site.excerpt_length,
            placeholders=self.site.code_placeholders,
        )
        return Shown(entry=story, excerpt=begins, content=mode)

    def looks(self) -> str:
        """Over all that decides how equal entries look on a page; the same in every process."""
        content = sorted(self.content.items())
        titles = [(each.slug, each.title, each.description) for each in self.publications]
        tagged = str(bool(self.tags))  # then there is a page with all tags, and a link to it
        return digest(repr(self.site), repr(content), repr(titles), tagged).hex()


def side_by_side(
    max_per_day: Mapping[str, int], keys: Collection[str]
) -> tuple[tuple[str, int], ...]:
    """Of these sources; one that is alone takes nobody's place."""
    if len(keys) == 1:
        return ()
    return tuple((key, most) for key, most in sorted(max_per_day.items()) if key in keys)


def titled(publication: Publication, names: Iterable[tuple[str, str]]) -> Publication:
    """`names` are those of the sources that it shows, by key.

    A source without a configured name bears its feed's title, as soon as that is known.
    """
    nameless = publication.title == publication.slug
    if not (nameless and publication.path.startswith("sources/")):
        return publication
    name = next((name for key, name in names if key == publication.slug), None)
    return replace(publication, title=name or publication.title)
