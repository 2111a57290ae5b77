"""HTML as plain text.

plain_text:     too_deep → tree → tidy_formulas, _replacement (code, formulas) → _line
                or without one, where every parser finds the same (`_plain_line`)
text_of_clean:  _line, of what `html.cleaned` made, where `reads_alike` says that it is the same

A tree costs more than all the rest, so what provably needs none gets none.
"""

import html as entities
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.core.model import CODE_BLOCK
from aggregator.core.text import one_line, xml_safe
from aggregator.formats import html_rules
from aggregator.formats.html_depth import too_deep
from aggregator.formats.html_formulas import (
    MARKS,
    outermost,
    tex_of_math,
    tex_of_picture,
    tidy_formulas,
)

LONGEST_HTML = 512 * 1024
"""Characters of one body that we look at; the rest of a longer one is cut off."""

LONGEST_TEXT = 4096
"""Characters of plain text that we keep."""

_TAG = re.compile(r"<[^<>]*>")

# A tag, its name caught, as lexbor and nh3 write it: every attribute with a value, every value in
# double quotes, every other < escaped. A name of an attribute may hold anything, even quotes.
_WRITTEN_TAG = re.compile(
    r"<(?:!(?:[^>\"]|\"[^\"]*\")*+|(/?[a-zA-Z][^ \t\n\r\f>]*+)(?: =?[^ \t\n\r\f=>]*=\"[^\"]*\")*+)>"
)
_BLOCK_NAMES = html_rules.BLOCKS | {f"/{name}" for name in html_rules.BLOCKS}
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

_CODE_MARK = " \x01code\x01 "
"""`CODE_BLOCK` while the source's own text is still around, which may hold that character."""

_SPECIAL_TAGS = html_rules.DROPPED_WITH_CONTENT - {"head"} | {"pre", "figure", "table", "math"}
_SPECIAL_CLASSES = frozenset(name.lower() for name in html_rules.CODE_WRAPPERS | {"latex"})
_SPECIAL = ", ".join(
    [
        *sorted(_SPECIAL_TAGS),
        "img.latex",
        *(f".{name}" for name in sorted(html_rules.CODE_WRAPPERS)),
    ]
)

_CLASS = re.compile(r'class="([^"&]*)"')

# What follows each < in a text in lower case: the name of a tag, or nothing.
_NAMES = re.compile(r"<(/?[a-z][^\t\n\x0c\r />]*|)")
_ORDINARY = frozenset(
    f"{slash}{name}"
    for slash in ("", "/")
    for name in html_rules.names("""
        a abbr article aside b big blockquote br center cite code dd del div dl dt em figcaption
        figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li ol p pre q s section small
        span strike strong sub sup tt u ul var
    """)
)
"""Elements that every parser of HTML treats alike, and that stay or leave their text."""

# A tag as people and their programs write it, its name and its attributes caught; nothing in it can
# be taken for the end of a tag or of the text (HTML §13.2.5).
_PLAIN_TAG = re.compile(r"<(/?[a-z][a-z0-9]*+)((?: ++[a-z-]++=\"[^\"<>]*+\")*+) *+/?>")

_EMPTY = frozenset({"br", "hr", "img"})
_CLOSING = frozenset({"dd", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "li"})
"""Their start closes another one that is open, whose own end tag then says nothing."""

_REFERENCE = re.compile(
    r"&(?:amp|lt|gt|quot|nbsp|hellip|#0{0,4}(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6]|1[6-9]\d|[2-9]\d\d"
    r"|[1-9]\d{3}));",
    re.ASCII,
)
"""To characters that all who decode agree on."""

# Inline pictures are dropped anyway, and some sources put megabytes of them into one entry.
_DATA_URL = re.compile(r"""(["'])data:[^"']*\1""")


def plain_text(html: str) -> str:
    r"""One line, its first `LONGEST_TEXT` characters; every block of code is `CODE_BLOCK`.

    Formulas stand as TeX in `\(…\)` or `\[…\]`, also where a renderer left only its output.
    """
    if _is_bare(html):
        text = entities.unescape(html[:LONGEST_HTML])
        return one_line(text.replace(CODE_BLOCK, ""), LONGEST_TEXT)
    source = bounded(html)
    if too_deep(source):
        return bare_text(source)
    plain = _plain_line(source)
    if plain is not None:
        return plain
    tree = LexborHTMLParser(source)
    written = _decoded(source)
    if any(mark in written for mark in MARKS):
        tidy_formulas(tree)
    if _may_be_special(source.lower()):
        for node in outermost(tree.css(_SPECIAL), lambda node: _replacement(node) is not None):
            node.replace_with(_replacement(node) or "")
    return _line(_COMMENT.sub("", (tree.html or "").replace(CODE_BLOCK, "")))


@dataclass(frozen=True, slots=True)
class Markup:
    """What there is to see of HTML beside its text."""

    names: frozenset[str]
    """Of all tags, in lower case, those of end tags with their slash; "" for a < that is something
    else.
    """
    written: str
    """The tags with attributes, where all are plainly written tags of elements that every parser
    treats alike, else the whole HTML.
    """
    lowered: str
    """The same in lower case."""


def markup_of(html: str) -> Markup:
    """Each look at the tags alone takes a fraction of what it takes in the whole text."""
    tags = _PLAIN_TAG.findall(html)
    names = frozenset([name for name, _ in tags])
    if len(tags) == html.count("<") and _is_ordinary(names) and "pre" not in names:
        written = "".join([f"<{name}{given}>" for name, given in tags if given])
        return Markup(names, written, written.lower())
    lowered = html.lower()
    return Markup(frozenset(_NAMES.findall(lowered)), html, lowered)


def reads_alike(markup: Markup) -> bool:
    """Whether clean HTML has the same plain text as this one that is cleaned."""
    if not _is_ordinary(markup.names) or _has_special_class(markup.lowered):
        return False
    return not ("pre" in markup.names and "figure" in markup.names)  # a listing with a caption


def text_of_clean(safe: str) -> str:
    """The plain text of clean HTML without anything special in it (`reads_alike`)."""
    safe = safe.replace(CODE_BLOCK, "")
    if len(safe) > 4 * LONGEST_TEXT:
        # Cut at a tag; a value of an attribute may look like one, but nothing is after it then.
        line = _line(safe[: safe.rfind("<", 0, 4 * LONGEST_TEXT)], LONGEST_TEXT + 1)
        if len(line) > LONGEST_TEXT and "<" not in line:
            return line[:LONGEST_TEXT].rstrip()
    return _line(safe)


def bounded(html: str) -> str:
    """What we look at of a body: so much of it, without characters that XML forbids."""
    if len(html) > LONGEST_HTML:
        html = _DATA_URL.sub('""', html)[:LONGEST_HTML]
    return xml_safe(html)


def bare_text(html: str) -> str:
    """The text of what no parser should see."""
    text = entities.unescape(_TAG.sub(" ", html))
    return one_line(text.replace(CODE_BLOCK, ""), LONGEST_TEXT)


def _plain_line(html: str) -> str | None:
    """The text, where a tree would say nothing more: elements in which nothing is special, in tags
    as they are written by hand, and references that all understand alike. None elsewhere.
    """
    if "class" in html or html.count("&") != len(_REFERENCE.findall(html)):
        return None
    pieces = _PLAIN_TAG.split(html.replace(CODE_BLOCK, ""))
    del pieces[2::3]
    tags = pieces[1::2]
    if len(tags) != html.count("<") or not _is_ordinary(tags) or not _nests_plainly(tags):
        return None
    return _without_tags(pieces, LONGEST_TEXT)


def _is_ordinary(tags: Collection[str]) -> bool:
    """Whether every parser of HTML treats these elements alike, and none is dropped."""
    return _ORDINARY.issuperset(tags)


def _nests_plainly(tags: Sequence[str]) -> bool:
    """Whether no end tag is missing or ignored, as far as it matters to the text."""
    inside: list[str] = []
    for tag in tags:
        if tag in _EMPTY:
            continue
        if tag.startswith("/"):
            if not inside or inside.pop() != tag[1:]:
                return False
        elif tag == "pre" or (tag in _CLOSING and not _CLOSING.isdisjoint(inside)):
            return False
        else:
            inside.append(tag)
    return not inside


def _is_bare(html: str) -> bool:
    """Whether there is no markup, and no reference that needs a parser."""
    if "<" in html:
        return False
    references = html.count("&")
    if not references:
        return True
    return len(html) <= LONGEST_HTML and references == len(_REFERENCE.findall(html))


def _line(markup: str, limit: int = LONGEST_TEXT) -> str:
    return _without_tags(_WRITTEN_TAG.split(markup), limit)


def _without_tags(pieces: list[str], limit: int) -> str:
    """A line of texts, each but the last followed by the name of the tag after it."""
    if "pre" in pieces:
        pieces = list(_without_code(pieces))
    else:
        pieces[1::2] = [" " if name in _BLOCK_NAMES else "" for name in pieces[1::2]]
    text = entities.unescape("".join(pieces)).replace(_CODE_MARK, f" {CODE_BLOCK} ")
    return one_line(text, limit)


def _without_code(pieces: Sequence[str | None]) -> Iterator[str]:
    """The texts between tags, what stands for tags, and one mark for each block of code."""
    depth = 0
    for text, name in zip(pieces[::2], [*pieces[1::2], None], strict=True):
        if not depth:
            yield text or ""
        if name == "pre":
            depth += 1
            if depth == 1:
                yield _CODE_MARK
        elif name == "/pre":
            depth -= 1
        elif not depth and name in _BLOCK_NAMES:
            yield " "


def _decoded(html: str) -> str:
    """In lower case, and with all that references stand for."""
    return (entities.unescape(html) if "&" in html else html).lower()


def _may_be_special(lowered: str) -> bool:
    """Whether a selection of `_SPECIAL` may find anything."""
    tags = not _SPECIAL_TAGS.isdisjoint(_NAMES.findall(lowered))
    return tags or _has_special_class(lowered)


def _has_special_class(lowered: str) -> bool:
    """In doubt it has."""
    times = lowered.count("class")
    if not times:
        return False
    classes = _CLASS.findall(lowered)
    if len(classes) == times:
        return not _SPECIAL_CLASSES.isdisjoint(" ".join(classes).split())
    decoded = _decoded(lowered)
    return any(name in decoded for name in _SPECIAL_CLASSES)


def _replacement(node: LexborNode) -> str | None:
    """What stands for the whole element, or None when its children speak for it."""
    match node.tag:
        case "math":
            return tex_of_math(node)
        case "img":
            return tex_of_picture(node)
        case "pre":
            return _CODE_MARK
        case str(tag) if tag in html_rules.DROPPED_WITH_CONTENT:
            return ""
        case _:
            return _replacement_by_class(node)


def _replacement_by_class(node: LexborNode) -> str | None:
    classes = set((node.attributes.get("class") or "").split())
    if node.tag in {"div", "figure", "table", "td"} and _is_code(node, classes):
        return _CODE_MARK
    return None


def _is_code(node: LexborNode, classes: set[str]) -> bool:
    """True for what a highlighter built around a listing; prose in it makes it something else."""
    if "syntaxhighlighter" in classes:  # has one <div> a line, and no <pre>
        return True
    if node.css_first("pre") is None:
        return False
    if classes & html_rules.CODE_WRAPPERS:
        return node.css_first("p, h1, h2, h3, h4, li") is None
    if node.tag not in {"figure", "table"}:
        return False
    in_listings = sum(_ink(pre) for pre in node.css("pre"))
    return in_listings >= _ink(node)


def _ink(node: LexborNode) -> int:
    return len("".join(node.text(deep=True).split()))
