"""Which subscriptions of a list become sources, under which keys."""

from collections.abc import Iterable
from dataclasses import dataclass

from aggregator.config import values
from aggregator.config.checks import polled_address
from aggregator.config.editing import NewSource, new_key
from aggregator.config.settings import Settings
from aggregator.formats.opml_reading import Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`had` counts the addresses that are sources already; `skipped` has a line for each fault."""

    new: tuple[NewSource, ...]
    had: int
    skipped: tuple[str, ...]


def plan_import(listed: Iterable[Listed], settings: Settings) -> Plan:
    """What stands in several groups becomes one source with all their tags."""
    wanted: dict[str, Listed] = {}
    tags: dict[str, dict[str, None]] = {}
    skipped = []
    for one in listed:
        try:
            address = polled_address(values.source_url(one.url))
        except ValueError as error:
            skipped.append(f"{one.name or 'an outline without text'}: the address {error}")
            continue
        wanted.setdefault(address, one)
        tags.setdefault(address, {}).update(dict.fromkeys(one.tags))
    there = {polled_address(source.url) for source in settings.sources.values()}
    new = _named({at: one for at, one in wanted.items() if at not in there}, tags, settings)
    return Plan(new=new, had=len(wanted.keys() & there), skipped=tuple(skipped))


def _named(
    wanted: dict[str, Listed], tags: dict[str, dict[str, None]], settings: Settings
) -> tuple[NewSource, ...]:
    taken = set(settings.sources)
    new = []
    for address, one in wanted.items():
        key = new_key(one.name, one.url, taken)
        taken.add(key)
        # An export calls a source without a name by its key.
        name = one.name if one.name and one.name != key else None
        url = values.source_url(one.url)
        new.append(NewSource(key=key, url=url, name=name, tags=tuple(tags[address])))
    return tuple(new)
