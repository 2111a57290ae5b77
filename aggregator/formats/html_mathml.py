"""MathML that does not bring its TeX along, written as TeX: "x2" would be another formula than x².

Presentation elements only (MathML Core §3); letters and signs stay the characters that they are.
"""

from collections.abc import Callable, Sequence

from selectolax.lexbor import LexborNode

_INVISIBLE = dict.fromkeys(range(0x2061, 0x2065))
"""Function application, invisible times, separator, plus: they show nothing."""

_BETWEEN = {"mtr": " & ", "mtable": r" \\ "}

_SILENT = frozenset({"annotation", "annotation-xml", "mphantom", "mspace", "none", "mprescripts"})


def tex_of_presentation(node: LexborNode) -> str:
    """The element's formula, without delimiters; empty where it shows nothing."""
    tag = node.tag or ""
    if tag in _SILENT:
        return ""
    children = [child for child in node.iter() if child.tag]
    if not children:
        return " ".join(node.text(deep=True).translate(_INVISIBLE).split())
    shape = _SHAPES.get(tag)
    if shape and len(children) == shape[0]:
        return shape[1]([tex_of_presentation(child) for child in children])
    parts = [tex_of_presentation(child) for child in children]
    row = _BETWEEN[tag].join(parts) if tag in _BETWEEN else _joined(parts)
    return f"\\sqrt{{{row}}}" if tag == "msqrt" else row


def _joined(parts: Sequence[str]) -> str:
    """In a row; words are kept apart, as in "sin x"."""
    row = ""
    for part in parts:
        touching = row[-1:].isalpha() and part[:1].isalpha()
        word = len(part) > 1 or (len(row) > 1 and row[-2].isalpha())
        row += f" {part}" if touching and word else part
    return row


def _grouped(tex: str) -> str:
    return tex if len(tex) == 1 else f"{{{tex}}}"


def _script(sign: str) -> Callable[[Sequence[str]], str]:
    return lambda parts: f"{_grouped(parts[0])}{sign}{_grouped(parts[1])}"


def _both(parts: Sequence[str]) -> str:
    base, below, above = parts
    return f"{_grouped(base)}_{_grouped(below)}^{_grouped(above)}"


_SHAPES: dict[str, tuple[int, Callable[[Sequence[str]], str]]] = {
    "mfrac": (2, lambda parts: f"\\frac{{{parts[0]}}}{{{parts[1]}}}"),
    "mroot": (2, lambda parts: f"\\sqrt[{parts[1]}]{{{parts[0]}}}"),
    "msup": (2, _script("^")),
    "msub": (2, _script("_")),
    "mover": (2, _script("^")),
    "munder": (2, _script("_")),
    "msubsup": (3, _both),
    "munderover": (3, _both),
}
"""Tags to how many children they have, and how these stand together."""
