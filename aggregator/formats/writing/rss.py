"""Publications as RSS 2.0 with the profile of the RSS Advisory Board.

feedgen 1.0.0 formats dates through the process-wide locale, drops authors without an e-mail
address and all enclosures but one: those elements are ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from aggregator import __version__
from aggregator.core.joined import Joined, Piece, Run
from aggregator.core.publication import Channel
from aggregator.core.shown import Shown
from aggregator.formats.fitting import fit_address, fit_language, fit_line, fit_url, rfc822
from aggregator.formats.item import Item, source_name
from aggregator.formats.writing.elements import (
    Element,
    as_pieces,
    category_facts,
    child,
    cut,
    framed,
    is_other_language,
    to_be_cut,
)
from aggregator.formats.writing.history import RssHistory
from aggregator.formats.writing.media import MEDIA, add_media
from aggregator.formats.written import build_each

_ATOM = "http://www.w3.org/2005/Atom"
_DC = "http://purl.org/dc/elements/1.1/"

_PLAIN = re.compile(rb"<(?:title|category|source|dc:creator|dc:contributor)\b[^>]*>[^<]+")
"""Elements whose text readers may take for plain text or for HTML."""


_END = b"</channel></rss>"


def compose_rss(channel: Channel, runs: Sequence[Run]) -> Joined:
    """A document with these items."""
    return Joined(framed(_text(_feed(channel)), _END), runs)


def rss_pieces(entries: Sequence[Shown], language: str | None) -> list[Piece | None]:
    """The entries, as they stand in documents in this language."""
    built = build_each(entries, partial(_item, language))
    feed = FeedGenerator()
    feed.title("-")
    feed.description("-")
    feed.link(href="-", rel="alternate")
    feed._FeedGenerator__rss_lastBuildDate = None  # noqa: SLF001 see `_feed`
    feed.register_extension("aggregator", _Namespaces, atom=False)
    feed.entry(to_be_cut(each[1] for each in built if each))
    return as_pieces(built, cut(_text(feed), _END))


def _text(feed: FeedGenerator) -> bytes:
    return _PLAIN.sub(_with_hexadecimal_references, feed.rss_str())


def _with_hexadecimal_references(found: re.Match[bytes]) -> bytes:
    # The profile's way to say "no markup" in plain text, the one most readers show right:
    # https://www.rssboard.org/rss-profile#data-types-characterdata
    return found[0].replace(b"&lt;", b"&#x3C;").replace(b"&amp;", b"&#x26;")


class _Namespaces:
    """Those of what we add to items, declared once, at the root."""

    def extend_ns(self) -> dict[str, str]:
        return {"dc": _DC, "media": MEDIA}

    def extend_rss(self, rss: Element) -> None:
        """Adds no element."""


@dataclass(frozen=True, slots=True)
class _Extension(_Namespaces):
    """What feedgen lets others add to a channel, before its items."""

    channel: Channel

    def extend_rss(self, rss: Element) -> None:
        child(rss[0], "lastBuildDate", rfc822(self.channel.updated))
        if hub := fit_address(self.channel.hub):
            child(rss[0], f"{{{_ATOM}}}link", href=hub, rel="hub")


def _feed(channel: Channel) -> FeedGenerator:
    title = fit_line(channel.title) or channel.page_url
    feed = FeedGenerator()
    feed.title(title)
    feed.description(fit_line(channel.subtitle) or title)
    feed.link(href=channel.self_url, rel="self", type="application/rss+xml")
    feed.link(href=channel.page_url, rel="alternate")  # the last one becomes the channel's link
    feed.language(fit_language(channel.language))
    feed.generator(f"aggregator {__version__}")
    if icon := fit_address(channel.icon):
        feed.image(url=icon, title=title, link=channel.page_url)
    # feedgen would write the time of day, through setlocale, which is no thread's own; there is
    # no public way to say no. Ours comes from the extension.
    feed._FeedGenerator__rss_lastBuildDate = None  # noqa: SLF001 see above
    feed.register_extension("aggregator", partial(_Extension, channel), atom=False)
    feed.register_extension("history", partial(RssHistory, channel.links), atom=False)
    return feed


def _item(language: str | None, item: Item) -> Element:
    entry = FeedEntry()
    entry.title(item.heading)
    entry.guid(item.id, permalink=item.id == item.link)
    entry.category([category_facts(category) for category in item.categories])
    entry.source(**_source(item))
    if item.comments:
        entry.comments(item.comments)
    if item.link:
        entry.link(href=item.link, rel="alternate")
    # A description is HTML to every reader; `<script>` in an excerpt is text and has to stay so.
    # Where there is content, it needs a description: feedgen writes it as such otherwise.
    if description := item.summary or (item.html and item.heading):
        entry.description(escape(description, quote=False))
    if item.html:
        entry.content(item.html)
    for enclosure in item.enclosures[:1]:
        entry.enclosure(enclosure.url, enclosure.length or 0, enclosure.type)
    return _finished(entry.rss_entry(), item, language)


def _finished(element: Element, item: Item, language: str | None) -> Element:
    child(element, "pubDate", rfc822(item.published))
    for author in item.authors:
        child(element, f"{{{_DC}}}creator", author.name)
    for contributor in item.contributors:
        child(element, f"{{{_DC}}}contributor", contributor.name)
    if is_other_language(item, language):
        child(element, f"{{{_DC}}}language", item.language)
    # One enclosure for each item is what readers expect: the profile, "enclosure". It has no
    # duration, and that of iTunes would make ours a podcast that lacks much (the validator).
    add_media(element, item, [file for n, file in enumerate(item.enclosures) if n or file.duration])
    return element


def _source(item: Item) -> dict[str, str]:
    origin = item.origin
    if origin and (url := origin.url or origin.link):
        return {"url": url, "title": origin.title}
    return {"url": fit_url(item.source.url), "title": source_name(item.source)}
