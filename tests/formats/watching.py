"""Every document that any test has written is looked at: none is invalid without being seen.

`watch` puts itself in the place of what makes documents before anybody else imports it, and
remembers what it finds; the test in which that happens fails in the end.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aggregator.formats import jsonfeed_writing, opml
from aggregator.formats.writing import atom, rss
from tests.formats.validity import atom_findings, json_findings, opml_findings, rss_findings

FOUND: list[str] = []
"""What was wrong with documents since somebody last looked."""

Check = Callable[[bytes, Any], Any]


def watch() -> None:
    """Must run before their names are taken out of their modules."""
    _watch(atom, "compose_atom", _atom)
    _watch(rss, "compose_rss", lambda body, channel: rss_findings(body, self_url=channel.self_url))
    _watch(
        jsonfeed_writing,
        "compose_json_feed",
        lambda body, channel: json_findings(
            body, self_url=channel.links.current or channel.self_url
        ),
    )
    _watch(opml, "write_opml", lambda body, _: opml_findings(body))


def _atom(body: bytes, channel: Any) -> Any:
    return atom_findings(body, self_url=channel.self_url, tombstones=bool(channel.deleted))


def _watch(module: Any, name: str, check: Check) -> None:
    write = getattr(module, name)

    @wraps(write)
    def watched(head: Any, *arguments: Any, **options: Any) -> Any:
        written = write(head, *arguments, **options)
        body = written if isinstance(written, bytes) else written.body
        FOUND.extend(f"{name}: {finding}" for finding in check(body, head))
        return written

    setattr(module, name, watched)
