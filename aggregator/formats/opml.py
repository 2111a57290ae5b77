"""The subscriptions as OPML 2.0 (http://opml.org/spec2.opml)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from lxml import etree

from aggregator.core.model import FeedInfo
from aggregator.formats.fitting import fit_address, fit_language, fit_line, fit_url, rfc822


class Subscription(Protocol):
    """A source, as far as a list of subscriptions tells of it."""

    @property
    def key(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def info(self) -> FeedInfo: ...


def write_opml(
    title: str,
    sources: Iterable[Subscription],
    *,
    modified: datetime | None = None,
    tags: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """One outline for each source, in the order given; equal arguments give equal bytes.

    `modified` is when the list last changed, `tags` are those of the sources by key. The optional
    `docs` of the head and `version` of an outline stay away: the W3C's validator knows neither of
    them as the specification does.
    """
    opml = etree.Element("opml", version="2.0")
    head = etree.SubElement(opml, "head")
    etree.SubElement(head, "title").text = fit_line(title)
    if modified:
        etree.SubElement(head, "dateModified").text = rfc822(modified)
    body = etree.SubElement(opml, "body")
    for source in sources:
        _add_outline(body, source, (tags or {}).get(source.key, ()))
    if not len(body):  # the specification wants one outline at least
        etree.SubElement(body, "outline", text="No subscriptions")
    written: bytes = etree.tostring(opml, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return written


def _add_outline(body: etree._Element, source: Subscription, tags: Sequence[str]) -> None:
    """Tags are categories; one with a comma, which parts categories, is a group around."""
    fit = [name for tag in tags if (name := fit_line(tag))]
    around = body
    for name in fit:
        if "," in name:
            around = etree.SubElement(around, "outline", text=name)
    outline = etree.SubElement(around, "outline", _outline(source))
    if categories := ",".join(name for name in fit if "," not in name):
        outline.set("category", categories)


def _outline(source: Subscription) -> dict[str, str]:
    info = source.info
    name = fit_line(source.name or "") or fit_line(info.title) or source.key
    facts = {
        "type": "rss",  # whatever the feed's format, says the specification
        "text": name,
        "title": name,
        "xmlUrl": fit_url(source.url),
        "htmlUrl": fit_address(info.link),
        "description": fit_line(info.subtitle),
        "language": fit_language(info.language),
    }
    return {attribute: fact for attribute, fact in facts.items() if fact}
