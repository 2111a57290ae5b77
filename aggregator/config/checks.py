"""What no single key shows: whether the parts of a file fit together.

These checks read the tables as they came, so that they also find what is wrong in a file that
has other mistakes.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aggregator.config.lines import Location
from aggregator.config.mistakes import Mistake, dotted, unknown
from aggregator.config.settings import (
    LATEST,
    ConfigFile,
    FiltersSettings,
    PublicationSettings,
    SourceSettings,
)
from aggregator.core.doubts import doubts
from aggregator.core.rules import Rule

_Filtered = FiltersSettings | SourceSettings | PublicationSettings


@dataclass(frozen=True, slots=True)
class _Names:
    """What a publication may name. `shown` are those that a sentence may repeat."""

    kind: str
    known: frozenset[str]
    shown: frozenset[str]


def fit_mistakes(
    tables: Mapping[str, Any], from_environment: AbstractSet[Location]
) -> list[Mistake]:
    """`from_environment`: where values stand that no sentence may repeat."""
    sources = dict(_named_tables(tables, "sources"))
    keys = frozenset(sources)
    names = {"sources": _Names("source", keys, keys), "tags": _tags(sources, from_environment)}
    mistakes = [*_same_addresses(sources), *_former_slugs(tables), *_same_webhooks(tables)]
    mistakes += _engine_mistakes(tables)
    for slug, publication in _named_tables(tables, "publications"):
        for option, there in names.items():
            for index, name in _texts(publication, option):
                location = ("publications", slug, option, index)
                if name not in there.known:
                    shown = None if location in from_environment else name
                    mistakes.append((location, _unknown_name(there, shown)))
    return mistakes


def _engine_mistakes(tables: Mapping[str, Any]) -> Iterator[Mistake]:
    engine, database = tables.get("engine"), tables.get("database")
    kind = engine.get("kind") if isinstance(engine, dict) else None
    url = database.get("url") if isinstance(database, dict) else None
    if kind == "pgqueuer" and not str(url).startswith("postgres"):
        yield ("engine", "kind"), '"pgqueuer" needs PostgreSQL in [database] url; write "local"'


def _former_slugs(tables: Mapping[str, Any]) -> Iterator[Mistake]:
    publications = dict(_named_tables(tables, "publications"))
    taken: dict[str, str] = {}
    for slug, publication in publications.items():
        for index, former in _texts(publication, "formerly"):
            location = ("publications", slug, "formerly", index)
            if former == LATEST or former in publications:
                yield location, "is a publication of today; name slugs that are used no more"
            elif taken.setdefault(former, slug) != slug:
                yield location, f"{dotted(('publications', taken[former]))} had this slug, too"


def _same_webhooks(tables: Mapping[str, Any]) -> Iterator[Mistake]:
    """One address is told of a publication once, and under one secret."""
    for slug, publication in _named_tables(tables, "publications"):
        listed = publication.get("webhooks")
        seen: set[str] = set()
        for index, hook in enumerate(listed if isinstance(listed, list) else ()):
            url = hook.get("url") if isinstance(hook, dict) else None
            if not isinstance(url, str):
                continue
            if url.strip() in seen:
                location = ("publications", slug, "webhooks", index, "url")
                yield location, "this address is there already; remove one of the two"
            seen.add(url.strip())


def _tags(sources: Mapping[str, dict[str, Any]], from_environment: AbstractSet[Location]) -> _Names:
    found = [
        (tag, ("sources", key, "tags", index) in from_environment)
        for key, source in sources.items()
        for index, tag in _texts(source, "tags")
    ]
    known = frozenset(tag for tag, _ in found)
    return _Names("tag", known, known - {tag for tag, hidden in found if hidden})


def _unknown_name(there: _Names, name: str | None) -> str:
    if name is None or not there.shown:
        return f"unknown {there.kind}; name one that a source has"
    return unknown(there.kind, name, there.shown)


def _same_addresses(sources: Mapping[str, dict[str, Any]]) -> Iterator[Mistake]:
    first: dict[str, str] = {}
    for key, source in sources.items():
        url = source.get("url")
        if isinstance(url, str) and url.strip():
            earlier = first.setdefault(polled_address(url), key)
            if earlier != key:
                both = f"{dotted(('sources', key))} and {dotted(('sources', earlier))}"
                yield ("sources", key, "url"), f"{both} have the same address; remove one of them"


_USUAL_PORTS = {"http": ":80", "https": ":443"}


def polled_address(url: str) -> str:
    """Equal for two addresses that are one to those who poll (RFC 3986 §6.2.2, §6.2.3)."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return url
    host = parts.netloc.lower().removesuffix(_USUAL_PORTS.get(parts.scheme, ""))
    return parts._replace(netloc=host, path=parts.path or "/", fragment="").geturl()


def missing_folders(file: ConfigFile, folder: Path) -> list[Mistake]:
    """What the file names beside itself and is not there; `folder` is the one that it lies in."""
    templates = file.site.templates
    if templates is None or (folder / templates).is_dir():
        return []
    return [(("site", "templates"), "there is no such folder beside this file")]


def rules_of(file: ConfigFile) -> Iterator[tuple[Location, tuple[Rule, ...]]]:
    """Every list of rules that is not empty, with its place."""
    sections: list[tuple[Location, _Filtered]] = [
        (("filters",), file.filters),
        *((("sources", key), source) for key, source in file.sources.items()),
        *((("publications", slug), made) for slug, made in file.publications.items()),
    ]
    for place, section in sections:
        for option, rules in (("include", section.include), ("exclude", section.exclude)):
            if rules:
                yield (*place, option), rules


def rule_doubts(file: ConfigFile) -> list[Mistake]:
    """What looks wrong with rules that are none the less rules."""
    return [
        ((*place, index), doubt)
        for place, rules in rules_of(file)
        for index, rule in enumerate(rules)
        for doubt in doubts(rule)
    ]


def _named_tables(tables: Mapping[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    named = tables.get(section)
    for name, table in named.items() if isinstance(named, dict) else ():
        if isinstance(table, dict):
            yield name, table


def _texts(table: Mapping[str, Any], option: str) -> Iterator[tuple[int, str]]:
    """The texts of a list, trimmed as their values will be."""
    listed = table.get(option)
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(item, str):
            yield index, item.strip()
