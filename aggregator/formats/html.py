"""HTML as sources write it: made safe to republish, and as plain text.

clean_html:  too_deep → tidied (tree: lazy pictures, beacons, players, formulas) → nh3 allow-list
plain_text:  too_deep → tree → tidy_formulas, _replacement (code, formulas) → tags out → one line

nh3 decides last and alone what is safe; after it only white space is touched.
"""

import html as entities
import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.core.model import CODE_BLOCK
from aggregator.core.text import one_line, xml_safe
from aggregator.core.urls import web_url
from aggregator.formats import html_rules
from aggregator.formats.html_depth import too_deep
from aggregator.formats.html_formulas import outermost, tex_of_math, tex_of_picture, tidy_formulas
from aggregator.formats.html_tidy import is_untidy, tidied

LONGEST_HTML = 512 * 1024
"""Characters of one body that we look at; the rest of a longer one is cut off."""

LONGEST_TEXT = 4096
"""Characters of plain text that we keep."""

_TAG = re.compile(r"<[^<>]*>")


# Tags as lexbor writes them: every value in double quotes, every other < escaped.
_ATTRIBUTES = r"""(?:[^>"]|"[^"]*")*+>"""
_BLOCK_TAG = re.compile(rf"</?(?:{'|'.join(sorted(html_rules.BLOCKS))})(?=[\s>])" + _ATTRIBUTES)
_ANY_TAG = re.compile(r"<[a-zA-Z/!]" + _ATTRIBUTES)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

_MOST_ROUNDS = 5
_HEADINGS = re.compile(r"<(/?)h[1-6][ >]")

# HTML drops one line end after <pre>, and nh3 does not write it for a text that begins with one.
_PRE_LINE = re.compile(r"(<pre(?: [^>]*)?>)\n")

_CODE_MARK = " \x01code\x01 "
"""`CODE_BLOCK` while the source's own text is still around, which may hold that character."""

_SPECIAL = ", ".join(
    [
        *sorted(html_rules.DROPPED_WITH_CONTENT - {"head"}),
        *("pre", "figure", "table", "math", "img.latex"),
        *(f".{name}" for name in sorted(html_rules.CODE_WRAPPERS)),
    ]
)

# Inline pictures are dropped anyway, and some sources put megabytes of them into one entry.
_DATA_URL = re.compile(r"""(["'])data:[^"']*\1""")

# Players, where they are allowed, are empty: text in a frame is written as it stands.
_PLAYER = re.compile(r"""<iframe(?= [^>]*\bsrc="https:)(?: [a-z]+="[^"]*")*+></iframe>""")


def unchanged(url: str) -> str:
    """A link stays as its source wrote it."""
    return url


def clean_html(
    html: str,
    base_url: str | None,
    *,
    players: bool = False,
    clean: Callable[[str], str] = unchanged,
) -> str:
    """Safe HTML that says the same, with absolute addresses; cleaning it again changes nothing.

    `base_url` is what relative addresses stand for. Beyond `LONGEST_HTML` the text is cut off;
    a body that nests too deep comes out as its bare text. `players` keeps the frames of players
    that we know, which become links else. `clean` makes of a link's address, absolute, the one
    that is published.
    """
    source = _bounded(html)
    if too_deep(source):
        return paragraphs(_bare_text(source))
    lowered = source.lower()
    base = web_url(base_url)
    if is_untidy(lowered):
        source = tidied(source, base, players=players)
        lowered = source.lower()
    players = players and "<iframe" in lowered
    checked = players or "srcset" in lowered or "lang" in lowered
    cleaner = _cleaner(base, checked, players, clean if "href" in lowered else unchanged)
    safe = _settled(cleaner, _written(cleaner, source))
    if players and len(_PLAYER.findall(safe)) < safe.count("<iframe"):
        return clean_html(safe, base_url, clean=clean)
    return safe


def plain_text(html: str) -> str:
    r"""One line, its first `LONGEST_TEXT` characters; every block of code is `CODE_BLOCK`.

    Formulas stand as TeX in `\(…\)` or `\[…\]`, also where a renderer left only its output.
    """
    if "<" not in html and "&" not in html:
        return one_line(html[:LONGEST_HTML].replace(CODE_BLOCK, ""), LONGEST_TEXT)
    source = _bounded(html)
    if too_deep(source):
        return _bare_text(source)
    tree = LexborHTMLParser(source)
    tidy_formulas(tree)
    for node in outermost(tree.css(_SPECIAL), lambda node: _replacement(node) is not None):
        node.replace_with(_replacement(node) or "")
    serialized = _COMMENT.sub("", (tree.html or "").replace(CODE_BLOCK, ""))
    text = entities.unescape(_ANY_TAG.sub("", _BLOCK_TAG.sub(" ", serialized)))
    return one_line(text.replace(_CODE_MARK, f" {CODE_BLOCK} "), LONGEST_TEXT)


def paragraphs(text: str) -> str:
    """Plain text as HTML: blank lines part paragraphs, other line ends are kept as breaks."""
    blocks = re.split(r"\n[ \t]*\n\s*", xml_safe(text[:LONGEST_HTML]).replace("\r\n", "\n").strip())
    return "".join(
        f"<p>{entities.escape(block, quote=False).replace(chr(10), '<br>')}</p>"
        for block in blocks
        if block
    )


def _written(cleaner: nh3.Cleaner, html: str) -> str:
    safe = cleaner.clean(html).replace("\r", "\n").strip()
    return _PRE_LINE.sub(r"\1\n\n", safe)


def _settled(cleaner: nh3.Cleaner, safe: str) -> str:
    if not _may_be_misnested(safe):
        return safe
    for _ in range(_MOST_ROUNDS):
        safe, before = _written(cleaner, safe), safe
        if safe == before:
            break
    return safe


def _may_be_misnested(safe: str) -> bool:
    """True where the tree may hold what is read otherwise once it is written."""
    return "<math" in safe or "<table" in safe or _nests_headings(safe)


def _nests_headings(safe: str) -> bool:
    ends = _HEADINGS.findall(safe)
    return any(first == second for first, second in pairwise(ends))


def _bounded(html: str) -> str:
    if len(html) > LONGEST_HTML:
        html = _DATA_URL.sub('""', html)[:LONGEST_HTML]
    return xml_safe(html)


def _bare_text(html: str) -> str:
    text = entities.unescape(_TAG.sub(" ", html))
    return one_line(text.replace(CODE_BLOCK, ""), LONGEST_TEXT)


@lru_cache(maxsize=64)
def _cleaner(
    base: str | None, checked: bool, players: bool, clean: Callable[[str], str]
) -> nh3.Cleaner:
    try:
        return _new_cleaner(base, checked=checked, players=players, clean=clean)
    except ValueError:  # an address that Rust's parser refuses as a base
        return _new_cleaner(None, checked=checked, players=players, clean=clean)


def _new_cleaner(
    base: str | None, *, checked: bool, players: bool, clean: Callable[[str], str]
) -> nh3.Cleaner:
    def check(tag: str, name: str, value: str) -> str | None:
        return html_rules.checked_attribute(tag, name, value, base, clean)

    attributes = {tag: set(names) for tag, names in html_rules.ATTRIBUTES.items()}
    if checked:  # calling back for each attribute doubles the cost, so only where it decides
        for tag, names in html_rules.CHECKED_ATTRIBUTES.items():
            attributes.setdefault(tag, set()).update(names)
    frames = {"iframe"} if players else set()
    if players:
        attributes["iframe"] = set(html_rules.FRAME_ATTRIBUTES)
    return nh3.Cleaner(
        tags=set(html_rules.TAGS) | frames,
        clean_content_tags=set(html_rules.DROPPED_WITH_CONTENT) - frames,
        attributes=attributes,
        attribute_filter=check if checked or clean is not unchanged else None,
        set_tag_attribute_values=html_rules.SET_ATTRIBUTES
        | dict.fromkeys(frames, html_rules.SET_FRAME_ATTRIBUTES),
        url_schemes=set(html_rules.SCHEMES),
        url_relative=("rewrite_with_base", base) if base else "deny",
        link_rel="noopener noreferrer",
    )


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
