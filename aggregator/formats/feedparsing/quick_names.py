"""What feedparser makes of the names of elements and attributes as expat gives them.

Those are, in three words at most, a namespace, a local name and the prefix that the document has.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aggregator.formats.feedparsing.own import StrictFeedParser

_USERLAND = "backend.userland.com/rss"
_MOST = 1000
"""Names that are kept for the next documents."""
_LONGEST = 300
"""Characters of a name with its namespace."""
_PREFIXES = {uri.lower(): prefix for uri, prefix in StrictFeedParser.namespaces.items()}
_KEEP_TEXT_INPUT = {"title", "link", "description", "name"}
_KEEP_IMAGE = {"title", "link", "description", "url", "href", "width", "height"}
_SAY_LANGUAGE = {"feed", "rss"}
_DRAWN = {"math", "svg"}


class Doubt(Exception):
    """feedparser itself is to read the document."""


@dataclass(frozen=True, slots=True)
class Element:
    """What an element's name means to a parser."""

    tag: str
    name: str
    """The tag under the prefix that feedparser has for the namespace, as in its handlers' names."""
    start: Callable[..., Any] | None
    end: Callable[..., Any] | None
    """Its handlers; None for elements that it does not know."""
    ends_input: bool
    ends_image: bool
    """Whether nothing that follows can be in an RSS textInput or image that was not closed."""
    says_language: bool


class Names:
    """The names of one document, whose prefixes may change their meaning on the way."""

    def __init__(self, parser: Any) -> None:
        self._parser_class: type = type(parser)
        self._in_use: Mapping[str, str] = parser.namespaces_in_use
        self._prefixes: Mapping[str | None, str] = parser.namespacemap
        self.elements: dict[str, Element] = {}
        """Those that were met since the namespaces last changed."""

    def element(self, written: str) -> Element:
        namespace, tag = _tag(written)
        if namespace:
            prefix = next(
                (one for one, uri in self._in_use.items() if one and uri == namespace), ""
            )
            tag = f"{prefix}:{tag}".lower() if prefix else tag
        front = tag.partition(":")[0] if ":" in tag else ""
        front = self._prefixes.get(front, front)
        found = self.elements[written] = _meaning(self._parser_class, tag, front)
        return found


def attributes(written: Mapping[str, str]) -> dict[str, str]:
    """Each under the prefix that feedparser has for its namespace, and under its own."""
    known: dict[str, str] = {}
    twofold = False
    for name, value in written.items():
        plain, own = _attribute(name)
        known[plain] = value
        twofold = twofold or plain != own
    if twofold:
        for name, value in written.items():
            known[_attribute(name)[1]] = value
    for name in ("rel", "type"):
        if name in known:
            known[name] = known[name].lower()
    return known


@lru_cache(_MOST)
def _tag(written: str) -> tuple[str, str]:
    """The element's name under its namespace's usual prefix; the namespace, if it has none."""
    words = _words(written)
    namespace, local = words[:2] if len(words) > 1 else ("", written)
    local = local.lower()
    if local in _DRAWN:  # MathML and SVG, which get their namespaces as attributes
        raise Doubt
    lower = namespace.lower()
    if _USERLAND in lower:
        namespace = lower = f"http://{_USERLAND}"
    prefix = _PREFIXES.get(lower)
    return ("", f"{prefix}:{local}".lower()) if prefix else (namespace, local)


@lru_cache(_MOST)
def _attribute(written: str) -> tuple[str, str]:
    """The attribute's name under its namespace's usual prefix, and under the document's."""
    words = _words(written)
    if len(words) == 1:
        return written.lower(), written.lower()
    if len(words) < 3:  # noqa: PLR2004 expat gives all three
        raise Doubt
    namespace, local, own = words
    prefix = _PREFIXES.get(namespace.lower())
    return (f"{prefix}:{local}" if prefix else local).lower(), f"{own}:{local}".lower()


def _words(written: str) -> list[str]:
    words = written.split()
    if len(words) > 3 or len(written) > _LONGEST:  # noqa: PLR2004 white space in a namespace
        raise Doubt
    return words


@lru_cache(_MOST)
def _meaning(parser_class: type, tag: str, front: str) -> Element:
    suffix = tag.partition(":")[2] if ":" in tag else tag
    name = f"{front}_{suffix}" if front else suffix
    return Element(
        tag=tag,
        name=name,
        start=getattr(parser_class, f"_start_{name}", None),
        end=getattr(parser_class, f"_end_{name}", None),
        ends_input=not front and tag not in _KEEP_TEXT_INPUT,
        ends_image=not front and tag not in _KEEP_IMAGE,
        says_language=tag in _SAY_LANGUAGE,
    )
