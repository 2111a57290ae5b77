"""Handlers of feedparser's that nearly every entry needs, in fewer steps."""

from functools import lru_cache
from typing import Any

from aggregator.formats.feedparsing.own import QuickDict, part

_parse_date = part("datetimes", "_parse_date")
_PLAIN_WAYS = (
    part("datetimes.w3dtf", "_parse_date_w3dtf"),
    part("datetimes.rfc822", "_parse_date_rfc822"),
)
_SHOWN_AS_SUMMARY = {"text/plain", "text/html", "application/xhtml+xml"}
_PAGES = {"text/html", "html", "application/xhtml+xml", "xhtml"}
_MOST_DATES = 256
"""That are kept: many entries have the same one twice."""
_LONGEST_DATE = 64
"""Characters of one that is kept."""


class QuickHandlers:
    """Goes below our own handlers, and above feedparser's."""

    entries: list[Any]
    elementstack: list[list[Any]]
    contentparams: Any
    depths: dict[str, int]
    property_depth_map: dict[Any, dict[str, int]]
    infeed: int
    incontent: int
    inentry: int
    inimage: int
    insource: int
    guidislink: int
    hasContent: int  # noqa: N815 feedparser's
    inauthor: int
    title_depth: int
    _summaryKey: str | None  # noqa: N815 dito
    pop: Any
    push_content: Any
    map_content_type: Any
    _get_context: Any
    _get_attribute: Any
    _cdf_common: Any
    _sync_author_detail: Any
    _enforce_href: Any
    _start_content: Any

    def push(self, element: str, expecting_text: int) -> None:
        self.elementstack.append([element, expecting_text, []])

    def pop_content(self, tag: str) -> Any:
        value = self.pop(tag)
        self.incontent -= 1
        self.contentparams.clear()
        return value

    def _start_item(self, attributes: dict[str, str]) -> None:
        entry = QuickDict()
        self.entries.append(entry)
        self.depths = {}
        self.property_depth_map = {entry: self.depths}  # is for one entry at a time
        self.push("item", 0)
        self.inentry = 1
        self.guidislink = 0
        self.title_depth = -1
        if attributes:
            about = self._get_attribute(attributes, "rdf:about")
            if about:
                self._get_context()["id"] = about
            self._cdf_common(attributes)

    _start_entry = _start_item

    def _start_link(self, attributes: dict[str, str]) -> None:
        rel = attributes.setdefault("rel", "alternate")
        kind = attributes.setdefault(
            "type", "application/atom+xml" if rel == "self" else "text/html"
        )
        context = self._get_context()
        if "url" in attributes or "uri" in attributes:
            attributes = self._enforce_href(attributes)
        links = context.setdefault("links", [])
        if not (self.inentry and self.inimage):
            links.append(QuickDict(attributes))
        if "href" not in attributes:
            self.push("link", self.infeed or self.inentry or self.insource)
        elif rel == "alternate" and kind.lower() in _PAGES:
            context["link"] = attributes["href"]

    def _start_enclosure(self, attributes: dict[str, str]) -> None:
        attributes = self._enforce_href(attributes)
        attributes["rel"] = "enclosure"
        self._get_context().setdefault("links", []).append(QuickDict(attributes))

    def _end_guid(self) -> None:
        value = self.pop("id")
        context = self._get_context()
        context.setdefault("guidislink", self.guidislink and "link" not in context)
        if self.guidislink:
            context.setdefault("link", value)

    _end_id = _end_guid

    def _start_author(self, _attributes: dict[str, str]) -> None:
        self.inauthor = 1
        self.push("author", 1)
        self._get_context().setdefault("authors", []).append(QuickDict())

    _start_managingeditor = _start_author

    def _save_author(self, key: str, value: str, prefix: str = "author") -> None:
        context = self._get_context()
        context.setdefault(f"{prefix}_detail", QuickDict())[key] = value
        self._sync_author_detail()
        context.setdefault("authors", [QuickDict()])[-1][key] = value

    def _add_tag(self, term: str | None, scheme: str | None, label: str | None) -> None:
        tags = self._get_context().setdefault("tags", [])
        if term or scheme or label:
            tag = QuickDict(term=term, scheme=scheme, label=label)
            if tag not in tags:
                tags.append(tag)

    def _start_description(self, attributes: dict[str, str]) -> None:
        if "summary" in self._get_context() and not self.hasContent:
            self._summaryKey = "content"
            self._start_content(attributes)
        else:
            expecting_text = self.infeed or self.inentry or self.insource
            self.push_content("description", attributes, "text/html", expecting_text)

    def _end_content(self) -> None:
        kind = self.map_content_type(self.contentparams.get("type"))
        value = self.pop_content("content")
        if kind in _SHOWN_AS_SUMMARY:
            self._get_context().setdefault("summary", value)

    _end_body = _end_xhtml_body = _end_content_encoded = _end_fullitem = _end_content

    def _end_published(self) -> None:
        value = self.pop("published")
        self._get_context()["published_parsed"] = _moment(value)

    _end_issued = _end_pubdate = _end_published

    def _end_updated(self) -> None:
        value = self.pop("updated")
        self._get_context()["updated_parsed"] = _moment(value)

    _end_modified = _end_lastbuilddate = _end_updated


def _moment(text: str | None) -> Any:
    """As feedparser understands it."""
    if not text:
        return None
    return (_plain_moment(text) if len(text) < _LONGEST_DATE else None) or _parse_date(text)


@lru_cache(_MOST_DATES)
def _plain_moment(text: str) -> Any:
    """By the first two of feedparser's ways, which know no clock."""
    for parse in _PLAIN_WAYS:
        try:
            if found := parse(text):
                return found
        except (KeyError, OverflowError, ValueError, AttributeError):
            continue
    return None
