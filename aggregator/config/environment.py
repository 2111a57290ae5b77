"""`${NAME}` and `${NAME:-default}` in strings, taken from the environment; `$$` is a dollar sign.

What comes from the environment is text and nothing else: it is put in after TOML was read, and
not searched for further variables.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aggregator.config.lines import Location

_DOLLAR = re.compile(
    r"\$(?:(?P<dollar>\$)"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^{}]*))?\}"
    r"|(?P<broken>\{))"
)

_BEHIND_HOST = re.compile("[/?#]")


@dataclass(slots=True)
class Expansion:
    """`tables` with every variable put in."""

    tables: dict[str, Any] = field(default_factory=dict)
    mistakes: list[tuple[Location, str]] = field(default_factory=list)
    locations: set[Location] = field(default_factory=set)
    """Where variables stood: these values are not to be repeated in any message."""


def expand(tables: Mapping[str, Any], environ: Mapping[str, str]) -> Expansion:
    """A text whose variable is missing stays as it is, and a mistake names the variable."""
    expansion = Expansion()
    expansion.tables = {
        key: _expand(value, (key,), environ, expansion) for key, value in tables.items()
    }
    return expansion


def _expand(
    value: object, location: Location, environ: Mapping[str, str], expansion: Expansion
) -> object:
    match value:
        case dict():
            return {
                key: _expand(item, (*location, key), environ, expansion)
                for key, item in value.items()
            }
        case list():
            return [
                _expand(item, (*location, index), environ, expansion)
                for index, item in enumerate(value)
            ]
        case str():
            return _expand_text(value, location, environ, expansion)
        case _:
            return value


def _expand_text(
    text: str, location: Location, environ: Mapping[str, str], expansion: Expansion
) -> str:
    problems = [
        problem for found in _DOLLAR.finditer(text) if (problem := _problem(found, environ))
    ]
    if problems:
        expansion.mistakes.append((location, "; ".join(dict.fromkeys(problems))))
        return text
    if any(found["name"] for found in _DOLLAR.finditer(text)):
        expansion.locations.add(location)
    return _DOLLAR.sub(lambda found: _replacement(found, environ), text)


def _problem(found: re.Match[str], environ: Mapping[str, str]) -> str | None:
    if found["broken"]:
        return '"${" begins a variable: write ${NAME} or ${NAME:-default}, or $${ for the signs'
    if found["name"] and found["default"] is None and found["name"] not in environ:
        return (
            f"the environment has no variable {found['name']}; "
            f"set it, or write ${{{found['name']}:-default}}"
        )
    return None


def _replacement(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    value = environ.get(found["name"], "")
    # As in a shell, an empty variable gives way to a default.
    return value or found["default"] or ""


def without_secrets(url: str, environ: Mapping[str, str]) -> str | None:
    """The address up to the first variable behind its host: what follows may be a secret.

    `url` is as the file has it. None where no variable stands there.
    """
    masked = _DOLLAR.sub(lambda found: "$" * len(found[0]), url)
    scheme_ends = masked.find("://")
    behind_host = _BEHIND_HOST.search(masked, scheme_ends + 3 if scheme_ends >= 0 else 0)
    variables = [found.start() for found in _DOLLAR.finditer(url) if found["name"]]
    hidden = [at for at in variables if behind_host and at > behind_host.start()]
    if not hidden:
        return None
    return _DOLLAR.sub(lambda found: _replacement(found, environ), url[: hidden[0]])
