"""Feed Paging and Archiving (RFC 5005): a feed's other documents, in Atom and in RSS (appendix B).

feedgen knows these relations for links, but writes one of them alone in RSS.
"""

from dataclasses import dataclass

from aggregator.core.leaves import Links
from aggregator.formats.writing.elements import Element, child

HISTORY = "http://purl.org/syndication/history/1.0"
ATOM = "http://www.w3.org/2005/Atom"


@dataclass(frozen=True, slots=True)
class AtomHistory:
    """What feedgen lets others add to a feed."""

    links: Links

    def extend_ns(self) -> dict[str, str]:
        return {"fh": HISTORY} if self.links.in_archive else {}

    def extend_atom(self, feed: Element) -> None:
        for rel, href in self.links.pairs():
            child(feed, "link", rel=rel, href=href, type="application/atom+xml")
        if self.links.in_archive:
            child(feed, f"{{{HISTORY}}}archive")


@dataclass(frozen=True, slots=True)
class RssHistory:
    """What feedgen lets others add to a channel, before its items."""

    links: Links

    def extend_ns(self) -> dict[str, str]:
        return {"fh": HISTORY} if self.links.in_archive else {}

    def extend_rss(self, rss: Element) -> None:
        for rel, href in self.links.pairs():
            child(rss[0], f"{{{ATOM}}}link", rel=rel, href=href, type="application/rss+xml")
        if self.links.in_archive:
            child(rss[0], f"{{{HISTORY}}}archive")
