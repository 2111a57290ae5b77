"""feedparser's own handlers, called by expat itself and with a quicker core: the same result.

parse_quickly:  expat → _open, _text, _close → feedparser's _start_… and _end_… → its dictionaries

What feedparser does for every element takes most of its time: SAX between expat and its handlers,
addresses joined with themselves, dictionaries that search for aliases. All of that is done here in
fewer steps; its handlers, which know what an element means, are its own. A document that might be
read otherwise is left to feedparser whole; `python -m benchmarks.quick_parse` compares.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

from aggregator.core.urls import is_plain_url
from aggregator.formats.feedparsing.as_written import Sound
from aggregator.formats.feedparsing.own import QuickDict, StrictFeedParser, part
from aggregator.formats.feedparsing.quick_core import XHTML, QuickCore
from aggregator.formats.feedparsing.quick_handlers import QuickHandlers
from aggregator.formats.feedparsing.quick_names import Doubt, Element, Names, attributes
from aggregator.formats.feedparsing.whole import HEADERS

replace_doctype = part("sanitizer", "replace_doctype")
make_safe_absolute_uri = part("urls", "make_safe_absolute_uri")
_DECLARATION = re.compile(rb"<\?xml[^>]*>")
_FIRST_TAG = re.compile(rb"<\w")
_BUFFER = 1 << 16
"""Bytes of text at once."""
_WRAPPERS = {"xhtml:div", "div"}


class _Quick(QuickCore):
    """A strict parser that expat drives without SAX."""

    baseuri: str
    decls: dict[str, str]
    intextinput: int
    namespacemap: dict[str | None, str]
    namespaces_in_use: dict[str, str]
    startPrefixMapping: Callable[[str | None, str | None], None]  # noqa: N815 feedparser's
    strattrs: Callable[[Any], str]

    def parse(self, document: bytes) -> None:
        """Raises Doubt, or whatever expat and feedparser raise."""
        self._names = Names(self)
        self._elements = self._names.elements
        self._joined: dict[str | tuple[str, str], str] = {}
        """Bases joined with themselves, and with what an attribute says."""
        self._scopes: list[tuple[str, str | None]] = []
        """Base and language of the open elements."""
        parser = expat.ParserCreate("utf-8", " ")
        parser.namespace_prefixes = True
        parser.buffer_text = True
        parser.buffer_size = _BUFFER
        parser.StartElementHandler = self._open
        parser.EndElementHandler = self._close
        parser.CharacterDataHandler = self._text
        parser.StartNamespaceDeclHandler = self._declare
        parser.StartDoctypeDeclHandler = self._refuse
        parser.Parse(document, True)  # expat takes it by place only

    def _refuse(self, *_: object) -> None:
        raise Doubt

    def _declare(self, prefix: str | None, uri: str | None) -> None:
        before = self.namespacemap.copy(), self.namespaces_in_use.copy()
        self.startPrefixMapping(prefix, uri)
        if before != (self.namespacemap, self.namespaces_in_use):
            self._elements.clear()

    def _open(self, written: str, given: dict[str, str]) -> None:
        element = self._elements.get(written) or self._names.element(written)
        self.depth += 1
        known: dict[str, str] = {}
        if given or self.decls:
            known = self._attributes(given)
        else:
            self.baseuri = self._joined.get(self.baseuri) or self._base(None)
        lang = self.lang
        if lang and element.says_language:
            self.feeddata["language"] = lang.replace("_", "-")
        self._scopes.append((self.baseuri, lang))
        if self.incontent and self._is_text(element, known):
            return
        if element.ends_input:
            self.intextinput = 0
        if element.ends_image:
            self.inimage = 0
        if element.start:
            try:
                element.start(self, known)
            except AttributeError:  # such as of an element that took a list's place
                self._open_unknown(element, known)
        else:
            self._open_unknown(element, known)

    def _open_unknown(self, element: Element, known: dict[str, str]) -> None:
        if known:
            self._get_context()[element.name] = known
        else:
            self.elementstack.append([element.name, 1, []])

    def _attributes(self, written: dict[str, str]) -> dict[str, str]:
        known = attributes(written)
        if self.decls:
            known = self.decls | known
            self.decls = {}
        self.baseuri = self._base(known.get("xml:base", known.get("base")))
        lang = known.get("xml:lang", known.get("lang"))
        if lang is not None:
            self.lang = lang or None
        return known

    def _base(self, written: str | None) -> str:
        """Each element's base is joined with its parent's, or with itself."""
        key = (self.baseuri, written) if written else self.baseuri
        joined = self._joined.get(key)
        if joined is None and written and is_plain_url(written) and is_plain_url(self.baseuri):
            return written  # as it would come out of any joining
        if joined is None:
            joined = make_safe_absolute_uri(self.baseuri, written or self.baseuri) or self.baseuri
            self._joined[key] = joined
        return joined

    def _is_text(self, element: Element, known: dict[str, str]) -> bool:
        """Whether the element is a part of the text that it is in, to which it is added."""
        if self._is_wrapper(element):
            return True
        if dict.get(self.contentparams, "type") != XHTML:
            return False
        if self.elementstack:
            tag = element.tag.partition(":")[2] or element.tag
            self.elementstack[-1][2].append(f"<{tag}{self.strattrs(known.items())}>")
        return True

    def _is_wrapper(self, element: Element) -> bool:
        """Whether the element is not to be seen; another one shows that the text is XHTML."""
        if dict.get(self.contentparams, "type", "xml").endswith("xml"):
            return False
        if element.tag in _WRAPPERS:
            return True
        # Of a div around all of XHTML nothing is left in Atom, if it came in a piece of its own.
        if self.version in {"", "atom10"}:
            raise Doubt
        self.contentparams["type"] = XHTML
        return False

    def _text(self, text: str) -> None:
        if self.elementstack:
            params = self.contentparams
            if params and dict.get(params, "type") == XHTML:
                text = escape(text)
            self.elementstack[-1][2].append(text)

    def _close(self, written: str) -> None:
        element = self._elements.get(written) or self._names.element(written)
        if element.end:
            try:
                element.end(self)
            except AttributeError:
                self.pop(element.name)
        else:
            self.pop(element.name)
        if self.incontent and self._is_end_of_wrapper(element):
            return
        scopes = self._scopes
        if scopes:
            scopes.pop()
            if scopes:
                self.baseuri, self.lang = scopes[-1]
        self.depth -= 1

    def _is_end_of_wrapper(self, element: Element) -> bool:
        """Its base and language stay in force."""
        if self._is_wrapper(element):
            return True
        if dict.get(self.contentparams, "type") == XHTML and self.elementstack:
            self.elementstack[-1][2].append(f"</{element.tag.rpartition(':')[2]}>")
        return False


_Parser: Any = type("QuickParser", (_Quick, Sound, QuickHandlers, StrictFeedParser), {})


def parse_quickly(document: bytes, url: str) -> Mapping[str, Any] | None:
    """What parse_whole would give, or None where only that can tell."""
    if not url:
        return None
    version, prepared = _prepared(document)
    parser = _Parser(url, None, "utf-8")
    parser.resolve_relative_uris = parser.sanitize_html = False
    parser.feeddata, parser.sourcedata = QuickDict(), QuickDict()
    try:
        parser.parse(prepared)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 whatever it is, feedparser will know what to do
        return None
    return QuickDict(
        bozo=False,
        entries=parser.entries,
        feed=parser.feeddata,
        headers=HEADERS | {"content-location": url},
        encoding="utf-8",
        version=version or parser.version,
        namespaces=parser.namespaces_in_use,
    )


def _prepared(document: bytes) -> tuple[str | None, bytes]:
    """The document without what is declared of its charset, and without a DOCTYPE that says little;
    the version of RSS that the DOCTYPE is of.
    """
    declared = _DECLARATION.match(document)
    bare = document[declared.end() :] if declared else document
    first = _FIRST_TAG.search(bare)
    if first is None or b"<!" not in bare[: first.start()]:
        return None, bare
    # On lines of its own only, so the declaration has to stand before it.
    version, prepared, _ = replace_doctype(
        b"<?xml version='1.0'?>" + (b"" if declared else b"\n") + bare
    )
    return version, prepared
