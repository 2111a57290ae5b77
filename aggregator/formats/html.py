"""HTML as sources write it: made safe to republish, and as plain text.

clean_html:  too_deep → _tidied (tree: beacons, lazy images, formulas) → nh3 allow-list
plain_text:  too_deep → tree → _replacements (code, formulas) → tags out → one line

nh3 decides last and alone what is safe; after it only white space is touched.
"""

import html as entities
import re
from collections.abc import Container
from functools import lru_cache
from itertools import pairwise

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.core.model import CODE_BLOCK
from aggregator.core.text import one_line, xml_safe
from aggregator.core.urls import web_url
from aggregator.formats import html_rules
from aggregator.formats.html_depth import too_deep

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
        *("pre", "figure", "table", "math", ".katex", ".katex-display"),
        *(f".{name}" for name in sorted(html_rules.CODE_WRAPPERS | html_rules.RENDERED_FORMULAS)),
    ]
)

# Inline pictures are dropped anyway, and some sources put megabytes of them into one entry.
_DATA_URL = re.compile(r"""(["'])data:[^"']*\1""")

# What only a look at whole elements can set right; without it nh3 alone does the work.
_UNTIDY = ("math/tex", "katex", "mathjax", "data-src", "data-lazy-src", "data-original", "display:")
_SMALL = (
    re.compile(r"width\s*[=:]\s*[\"']?[01](?:px)?(?!\d)"),
    re.compile(r"height\s*[=:]\s*[\"']?[01](?:px)?(?!\d)"),
)

_LAZY_SOURCES = ("data-src", "data-lazy-src", "data-original")

_TEX = 'annotation[encoding="application/x-tex"]'


def clean_html(html: str, base_url: str | None) -> str:
    """Safe HTML that says the same, with absolute addresses; cleaning it again changes nothing.

    `base_url` is what relative addresses stand for. Beyond `LONGEST_HTML` the text is cut off;
    a body that nests too deep comes out as its bare text.
    """
    source = _bounded(html)
    if too_deep(source):
        return paragraphs(_bare_text(source))
    lowered = source.lower()
    if _is_untidy(lowered):
        source = _tidied(source)
    checked = "srcset" in lowered or "lang" in lowered
    cleaner = _cleaner(base_url, checked)
    safe = _written(cleaner, source)
    return _settled(cleaner, safe) if _may_be_misnested(safe) else safe


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
    for node, replacement in _replacements(tree):
        node.replace_with(replacement)
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
def _cleaner(base_url: str | None, checked: bool) -> nh3.Cleaner:
    try:
        return _new_cleaner(base_url, checked, web_url(base_url))
    except ValueError:  # an address that Rust's parser refuses as a base
        return _new_cleaner(base_url, checked, None)


def _new_cleaner(base_url: str | None, checked: bool, base: str | None) -> nh3.Cleaner:
    def check(_tag: str, name: str, value: str) -> str | None:
        return html_rules.checked_attribute(name, value, base_url)

    attributes = {tag: set(names) for tag, names in html_rules.ATTRIBUTES.items()}
    if checked:  # calling back for each attribute doubles the cost, so only where it decides
        for tag, names in html_rules.CHECKED_ATTRIBUTES.items():
            attributes.setdefault(tag, set()).update(names)
    return nh3.Cleaner(
        tags=set(html_rules.TAGS),
        clean_content_tags=set(html_rules.DROPPED_WITH_CONTENT),
        attributes=attributes,
        attribute_filter=check if checked else None,
        set_tag_attribute_values=html_rules.SET_ATTRIBUTES,
        url_schemes=set(html_rules.SCHEMES),
        url_relative=("rewrite_with_base", base) if base else "deny",
        link_rel="noopener noreferrer",
    )


def _is_untidy(lowered: str) -> bool:
    if any(mark in lowered for mark in _UNTIDY):
        return True
    if "<img" not in lowered:
        return False
    return any(host in lowered for host in html_rules.BEACONS) or any(
        small.search(lowered) for small in _SMALL
    )


def _tidied(html: str) -> str:
    tree = LexborHTMLParser(html)
    promoted = False
    for image in tree.css("img"):
        lazy = next((url for name in _LAZY_SOURCES if (url := image.attributes.get(name))), None)
        if lazy:
            image.attrs["src"] = lazy
            promoted = True
        if html_rules.is_beacon(image.attributes):
            image.decompose()
    if promoted:  # <noscript> holds the same pictures for readers without scripts
        for node in tree.css("noscript"):
            node.decompose()
    _tidy_formulas(tree)
    head, body = tree.head, tree.body
    return "".join(part.inner_html or "" for part in (head, body) if part is not None)


def _tidy_formulas(tree: LexborHTMLParser) -> None:
    """One form of each formula: TeX where a script had it, MathML where KaTeX made two."""
    for node in tree.css('script[type^="math/tex"]'):
        node.replace_with(_tex_of_script(node))
    for node in tree.css(".katex-html, .MathJax, .MathJax_Display, .MathJax_Preview"):
        node.decompose()


def _replacements(tree: LexborHTMLParser) -> list[tuple[LexborNode, str]]:
    """The outermost elements that text stands for, and that text."""
    found: dict[int, tuple[LexborNode, str]] = {}
    for node in tree.css(_SPECIAL):  # in document order: outer ones come first
        replacement = _replacement(node)
        if replacement is not None and not _is_inside(node, found):
            found[node.mem_id] = (node, replacement)
    return list(found.values())


def _is_inside(node: LexborNode, found: Container[int]) -> bool:
    above = node.parent
    while above is not None:
        if above.mem_id in found:
            return True
        above = above.parent
    return False


def _replacement(node: LexborNode) -> str | None:
    """What stands for the whole element, or None when its children speak for it."""
    match node.tag:
        case "script":
            is_tex = (node.attributes.get("type") or "").startswith("math/tex")
            return _tex_of_script(node) if is_tex else ""
        case "math":
            return _tex_of(node, display=node.attributes.get("display") == "block")
        case "pre":
            return _CODE_MARK
        case str(tag) if tag in html_rules.DROPPED_WITH_CONTENT:
            return ""
        case _:
            return _replacement_by_class(node)


def _replacement_by_class(node: LexborNode) -> str | None:
    classes = set((node.attributes.get("class") or "").split())
    if classes & html_rules.RENDERED_FORMULAS:
        return ""
    if not classes.isdisjoint({"katex", "katex-display"}):
        return _tex_of(node, display="katex-display" in classes)
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


def _tex_of(node: LexborNode, *, display: bool) -> str | None:
    annotation = node.css_first(_TEX)
    return None if annotation is None else _delimited(annotation.text(), display=display)


def _tex_of_script(node: LexborNode) -> str:
    kind = node.attributes.get("type") or ""
    return _delimited(node.text(), display="mode=display" in kind)


def _delimited(tex: str, *, display: bool) -> str:
    tex = tex.replace(CODE_BLOCK, "").strip()
    return f" \\[{tex}\\] " if display else f"\\({tex}\\)"
