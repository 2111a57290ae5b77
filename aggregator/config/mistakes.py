"""What is wrong with a file, in sentences for people: key, fault and what to do."""

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from aggregator.config.lines import Location
from aggregator.config.settings import (
    AuthSettings,
    ConfigFile,
    PublicationSettings,
    SourceSettings,
    WebhookSettings,
)

Mistake = tuple[Location, str]

_BARE = re.compile(r"[A-Za-z0-9_-]+")

_LISTED = 20
"""Names in one sentence; a file may have thousands of sources."""

_SECTIONS: dict[str | int, type[BaseModel]] = {
    name: field.annotation
    for name, field in ConfigFile.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}

_ADD: dict[str | int, str] = {
    "site": '[site] with title = "…"',
    "sources": 'at least one [sources.KEY] with url = "https://…"',
    "url": 'url = "https://…"',
}

_WEBHOOK = '{ url = "https://…" }'


def dotted(location: Location) -> str:
    """The key as TOML writes it; a position in a list in brackets, from 0."""
    written = ""
    for part in location:
        if isinstance(part, int):
            written += f"[{part}]"
        else:
            written += f"{'.' if written else ''}{_quoted(part)}"
    return written


def _quoted(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=not key.isprintable())


def shape_mistakes(error: ValidationError) -> list[Mistake]:
    """What pydantic found, in our words. They never repeat a value."""
    return [_mistake(finding) for finding in error.errors(include_url=False)]


def _mistake(finding: Any) -> Mistake:
    location: Location = tuple(part for part in finding["loc"] if part != "[key]")
    match finding["type"]:
        case "value_error":
            return location, str(finding["ctx"]["error"])
        case "extra_forbidden":
            return location, _unknown_key(location, is_table=isinstance(finding["input"], dict))
        case "missing" | "too_short":
            return location, f"missing; add {_ADD.get(location[-1], f'{location[-1]} = …')}"
        case "literal_error":
            return location, f"must be {finding['ctx']['expected']}".replace("'", '"')
        case "tuple_type":
            return location, f"must be a list such as {_list_like(location)}"
        case _:
            return location, f"must be a table{_as_section(location)}"


def _unknown_key(location: Location, *, is_table: bool) -> str:
    name = str(location[-1])
    if len(location) > 1 or is_table:
        kind = "section" if is_table else "key"
        return unknown(kind, name, _known_keys(location[:-1]))
    homes = {key: section for section, model in _SECTIONS.items() for key in model.model_fields}
    close = get_close_matches(name.lower(), homes, n=1)
    if close:
        return (
            f'unknown key outside of a section; did you mean "{close[0]}" in [{homes[close[0]]}]?'
        )
    return "unknown key outside of a section; write it below one such as [site]"


def _as_section(location: Location) -> str:
    match location:
        case ("sources" | "publications" as name,):
            return f"; write [{name}.KEY] above its keys"
        case (_,) | ("sources" | "publications", _):
            return f"; write [{dotted(location)}] above its keys"
        case (*_, "webhooks", _):
            return f" such as {_WEBHOOK}"
        case _:
            return ' such as { name = "value" }'


def _list_like(location: Location) -> str:
    return f"[{_WEBHOOK}]" if location[-1] == "webhooks" else '["one", "two"]'


def _known_keys(table: Location) -> Iterable[str]:
    match table:
        case ():
            return ConfigFile.model_fields
        case ("sources", _):
            return SourceSettings.model_fields
        case ("publications", _):
            return PublicationSettings.model_fields
        case ("publications", _, "webhooks", _):
            return WebhookSettings.model_fields
        case (name,):
            return _SECTIONS[name].model_fields
        case _:
            return AuthSettings.model_fields


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """A sentence with what was probably meant, else with what there is."""
    names = sorted(known)
    by_lower_case = {name.lower(): name for name in names}
    close = get_close_matches(name.lower(), by_lower_case, n=1)
    if close:
        return f'unknown {kind}; did you mean "{by_lower_case[close[0]]}"?'
    more = ", …" if len(names) > _LISTED else ""
    return f"unknown {kind}; there are {', '.join(names[:_LISTED])}{more}"
