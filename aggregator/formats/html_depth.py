"""How deep a piece of HTML nests, in linear time.

HTML parsers need time quadratic in the depth of open elements (200 kB of `<div>` takes nh3 and
lexbor many seconds), so the depth is looked at before either of them sees the text.
"""

import re
from collections import Counter

DEEPEST = 256
"""Levels; what people write stays far below."""

# One attribute by the tokenizer's rules (HTML §13.2.5.32-39): quotes count after `=` only.
# Possessive repetition keeps every match linear.
_ATTRIBUTE = r"""[\s/]+|[^\s/>][^\s/>=]*(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"'][^\s>]*)?)?"""
_TOKEN = re.compile(
    rf"<!--(?:-?>|.*?(?:--!?>|\Z))|<(/?)([a-zA-Z][^\s/>]*)(?:{_ATTRIBUTE})*+(?<=(.))", re.DOTALL
)

_VOID = frozenset(
    {
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    }
)

# Elements whose end tag may be left out, and what a start tag of each closes (HTML §13.1.2.4).
_CLOSES = {
    "p": {"p"},
    "li": {"li", "p"},
    "dt": {"dt", "dd", "p"},
    "dd": {"dt", "dd", "p"},
    "option": {"option"},
    "td": {"td", "th", "p"},
    "th": {"td", "th", "p"},
    "tr": {"tr", "td", "th", "p"},
}


def too_deep(html: str) -> bool:
    """True when more than `DEEPEST` elements are open at once; in doubt it counts too many."""
    starts = html.count("<")
    if starts <= DEEPEST or starts - html.count("</") <= DEEPEST:  # so few can start a tag
        return False
    open_tags: list[str] = []
    counts: Counter[str] = Counter()
    for token in _TOKEN.finditer(html):
        closing, name, last = token.groups()
        if name is None:  # a comment
            continue
        _apply(open_tags, counts, name.lower(), closing=bool(closing), slash=last == "/")
        if len(open_tags) > DEEPEST:
            return True
    return False


def _apply(
    open_tags: list[str], counts: Counter[str], name: str, *, closing: bool, slash: bool
) -> None:
    if closing:
        _close(open_tags, counts, name)
        return
    while open_tags and open_tags[-1] in _CLOSES.get(name, ()):
        counts[open_tags.pop()] -= 1
    in_foreign = counts["svg"] or counts["math"]
    if name not in _VOID and not (slash and in_foreign):
        open_tags.append(name)
        counts[name] += 1


def _close(open_tags: list[str], counts: Counter[str], name: str) -> None:
    if not counts[name]:
        return
    while (last := open_tags.pop()) != name:
        counts[last] -= 1
    counts[name] -= 1
