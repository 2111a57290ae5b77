"""Documents of nasty and ordinary data, written once, to hold each line of a standard against."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from lxml import etree

from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from tests.formats.documents import CHANNEL, gathered, rich, shown
from tests.formats.nasty import Nasty
from tests.formats.validity import atom_findings, json_findings, rss_findings
from tests.formats.whole import write_atom, write_json_feed, write_rss

WRITERS: dict[str, Any] = {"atom": write_atom, "rss": write_rss, "json": write_json_feed}
FINDERS: dict[str, Any] = {"atom": atom_findings, "rss": rss_findings, "json": json_findings}

SEEDS = range(40)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A document with what it was made of; `root` is the parsed XML."""

    channel: Channel
    entries: list[Shown]
    body: bytes
    dropped: tuple[str, ...]
    root: Any


@cache
def documents(format: str) -> list[Made]:
    """Nasty ones, two ordinary ones, and an empty one."""
    ordinary = [(CHANNEL, [rich("1"), gathered("2"), shown("3")]), (CHANNEL, [])]
    made = []
    for channel, entries in [*(Nasty(seed).document() for seed in SEEDS), *ordinary]:
        written = WRITERS[format](channel, entries)
        root = None if format == "json" else etree.fromstring(written.body)
        made.append(
            Made(
                channel=channel,
                entries=list(entries),
                body=written.body,
                dropped=written.dropped,
                root=root,
            )
        )
    return made


def elements(format: str, path: str) -> list[Any]:
    """What stands at a path in any of the documents; there is something, or it proves nothing."""
    found = [element for made in documents(format) for element in made.root.findall(path)]
    assert found, f"no document has {path}"
    return found
