r"""Formulas back from what renderers made of them: each stands once, as TeX or as MathML.

KaTeX        MathML with its TeX, and a second copy for the eye  -> `\(…\)`
MathJax 2    the output, then <script type="math/tex">           -> `\(…\)`
MathJax 3    <mjx-container> with hidden MathML                   -> that MathML
MediaWiki    MathML, and a picture for those who cannot read it  -> the MathML
"""

from collections.abc import Callable, Container, Iterable

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.core.model import CODE_BLOCK
from aggregator.formats.html_mathml import tex_of_presentation

MARKS = ("math/tex", "katex", "mathjax", "mjx-", "mwe-math")
"""Where none of them stands, in lower case, there is nothing to do."""

_TEX = 'annotation[encoding="application/x-tex"]'
_SCRIPT = 'script[type^="math/tex"]'
_RENDERED = (
    ".katex-display, .katex, .MathJax_Preview, .MathJax_Display, .MathJax_SVG_Display,"
    " .MathJax_SVG, .MathJax, mjx-container, .mwe-math-element"
)


def tidy_formulas(tree: LexborHTMLParser) -> None:
    scripts = tree.css(_SCRIPT)
    for node in outermost(tree.css(_RENDERED), None):
        _tidy(node, beside_script=bool(scripts))
    for node in scripts:
        if node.parent is not None:
            node.replace_with(_tex_of_script(node))


def tex_of_math(node: LexborNode) -> str | None:
    """A <math> element as TeX: what it brings along, else what it shows; None for nothing."""
    display = node.attributes.get("display") == "block"
    if (annotated := _annotated(node, display=display)) is not None:
        return annotated
    written = node.attributes.get("alttext") or tex_of_presentation(node)
    return _delimited(written, display=display) if written else None


def tex_of_picture(node: LexborNode) -> str | None:
    """A formula that WordPress has made a picture of; `alt` is what was written."""
    classes = (node.attributes.get("class") or "").split()
    written = node.attributes.get("alt")
    return _delimited(written, display=False) if written and "latex" in classes else None


def outermost(
    nodes: Iterable[LexborNode], accepts: Callable[[LexborNode], bool] | None
) -> list[LexborNode]:
    """Of nodes in document order those that are in none of the others."""
    found: dict[int, LexborNode] = {}
    for node in nodes:
        if not _is_inside(node, found) and (accepts is None or accepts(node)):
            found[node.mem_id] = node
    return list(found.values())


def _is_inside(node: LexborNode, found: Container[int]) -> bool:
    above = node.parent
    while above is not None:
        if above.mem_id in found:
            return True
        above = above.parent
    return False


def _tidy(node: LexborNode, *, beside_script: bool) -> None:
    classes = set((node.attributes.get("class") or "").split())
    math = node.css_first("math")
    if not classes.isdisjoint({"katex", "katex-display"}):
        _tidy_katex(node, math, display="katex-display" in classes)
    elif "mwe-math-element" in classes:
        for picture in node.css("img") if math is not None else ():
            picture.decompose()
    elif "MathJax_Preview" in classes or beside_script:
        node.decompose()
    elif math is not None:
        node.replace_with(math)


def _tidy_katex(node: LexborNode, math: LexborNode | None, *, display: bool) -> None:
    tex = _annotated(node, display=display)
    if tex is not None:
        node.replace_with(tex)
    elif math is not None:
        for copy in node.css(".katex-html"):
            copy.decompose()


def _annotated(node: LexborNode, *, display: bool) -> str | None:
    annotation = node.css_first(_TEX)
    return None if annotation is None else _delimited(annotation.text(), display=display)


def _tex_of_script(node: LexborNode) -> str:
    kind = node.attributes.get("type") or ""
    return _delimited(node.text(), display="mode=display" in kind)


def _delimited(tex: str, *, display: bool) -> str:
    tex = tex.replace(CODE_BLOCK, "").strip()
    return f" \\[{tex}\\] " if display else f"\\({tex}\\)"
