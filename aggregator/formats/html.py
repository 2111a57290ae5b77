"""HTML as sources write it, made safe to republish.

cleaned:  too_deep → tidied (tree: lazy pictures, beacons, players, formulas) → nh3 allow-list

nh3 decides last and alone what is safe; after it only white space is touched.
"""

import html as entities
import re
from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import pairwise

import nh3

from aggregator.core.text import xml_safe
from aggregator.core.urls import web_url
from aggregator.formats import html_rules
from aggregator.formats.html_depth import too_deep
from aggregator.formats.html_text import (
    LONGEST_HTML,
    Markup,
    bare_text,
    bounded,
    markup_of,
    plain_text,
    reads_alike,
    text_of_clean,
)
from aggregator.formats.html_tidy import is_untidy, tidied

_MOST_ROUNDS = 5
_CODE_TAGS = frozenset({"code", "pre"})
_HEADING_TAGS = frozenset(f"h{level}" for level in range(1, 7))
_HEADINGS = re.compile(r"<(/?)h[1-6][ >]")

# HTML drops one line end after <pre>, and nh3 does not write it for a text that begins with one.
_PRE_LINE = re.compile(r"(<pre(?: [^>]*)?>)\n")

_HREF = re.compile(r'href="([^"\s]*+)"')
_ADDRESSED = ("href", "src", "poster")

# Players, where they are allowed, are empty: text in a frame is written as it stands.
_PLAYER = re.compile(r"""<iframe(?= [^>]*\bsrc="https:)(?: [a-z]+="[^"]*")*+></iframe>""")


def unchanged(url: str) -> str:
    """A link stays as its source wrote it."""
    return url


def cleaned(
    html: str,
    base_url: str | None,
    *,
    players: bool = False,
    clean: Callable[[str], str] = unchanged,
) -> tuple[str, str]:
    """Safe HTML that says the same, with absolute addresses, and what `plain_text` makes of it.

    Cleaning it again changes nothing. `base_url` is what relative addresses stand for. Beyond
    `LONGEST_HTML` the text is cut off; a body that nests too deep comes out as its bare text.
    `players` keeps the frames of players that we know, which become links else. `clean` makes of
    a link's address, absolute, the one that is published.
    """
    safe, alike = _cleaned(html, web_url(base_url), players, clean)
    return safe, text_of_clean(safe) if alike else plain_text(html)


def paragraphs(text: str) -> str:
    """Plain text as HTML: blank lines part paragraphs, other line ends are kept as breaks."""
    blocks = re.split(r"\n[ \t]*\n\s*", xml_safe(text[:LONGEST_HTML]).replace("\r\n", "\n").strip())
    return "".join(
        f"<p>{entities.escape(block, quote=False).replace(chr(10), '<br>')}</p>"
        for block in blocks
        if block
    )


def _cleaned(
    html: str, base: str | None, players: bool, clean: Callable[[str], str]
) -> tuple[str, bool]:
    """The clean HTML, and whether its plain text is surely that of the whole as it was."""
    source = bounded(html)
    if too_deep(source):
        return paragraphs(bare_text(source)), False
    markup = markup_of(source)
    untidy = is_untidy(markup)
    if untidy:
        source = tidied(source, base, players=players)
        markup = markup_of(source)
    players = players and "iframe" in markup.names
    checked = players or _has_checked_attributes(markup)
    as_written = "href" not in markup.lowered or _keeps_links(markup, base, clean)
    in_use = None if as_written and not checked and _all_absolute(markup) else base
    cleaner = _cleaner(in_use, checked, players, unchanged if as_written else clean)
    safe = _written(cleaner, source)
    misnested = _may_be_misnested(safe, markup.names)
    if misnested:
        safe = _settled(cleaner, safe)
    if players and len(_PLAYER.findall(safe)) < safe.count("<iframe"):
        return _cleaned(safe, base, False, clean)[0], False
    whole = len(html) <= LONGEST_HTML
    return safe, whole and not untidy and not misnested and reads_alike(markup)


def _has_checked_attributes(markup: Markup) -> bool:
    """Calling back for each attribute doubles the cost, so only where it may decide."""
    lowered = markup.lowered
    if "srcset" in lowered:
        return True
    code = "class" in lowered and not _CODE_TAGS.isdisjoint(markup.names)
    return "lang" in lowered and (code or "sizes" in lowered)


def _keeps_links(markup: Markup, base: str | None, clean: Callable[[str], str]) -> bool:
    """Whether surely no link gets another address: each is seen here, and absolute already."""
    links = _HREF.findall(markup.written)
    if len(links) != markup.lowered.count("href"):
        return False
    for link in set(links):
        if link.count("&") != link.count("&amp;"):  # another reference
            return False
        address = link.replace("&amp;", "&")
        if html_rules.checked_attribute("a", "href", address, base, clean) != address:
            return False
    return True


def _all_absolute(markup: Markup) -> bool:
    """Whether surely no address needs a base: a cleaner for each costs more than the cleaning."""
    written, lowered = markup.written, markup.lowered
    for name in _ADDRESSED:
        times = lowered.count(name)
        absolute = written.count(f'{name}="https://') if times else 0
        if absolute != times and absolute + written.count(f'{name}="http://') != times:
            return False
    return True


def _written(cleaner: nh3.Cleaner, html: str) -> str:
    safe = cleaner.clean(html).replace("\r", "\n").strip()
    return _PRE_LINE.sub(r"\1\n\n", safe) if "<pre" in safe else safe


def _settled(cleaner: nh3.Cleaner, safe: str) -> str:
    for _ in range(_MOST_ROUNDS):
        safe, before = _written(cleaner, safe), safe
        if safe == before:
            break
    return safe


def _may_be_misnested(safe: str, tags: Collection[str]) -> bool:
    """True where the tree may hold what is read otherwise once it is written; `tags` are those of
    the HTML that was cleaned.
    """
    if "math" in tags or "table" in tags:
        return True
    return not _HEADING_TAGS.isdisjoint(tags) and _nests_headings(safe)


def _nests_headings(safe: str) -> bool:
    ends = _HEADINGS.findall(safe)
    return any(first == second for first, second in pairwise(ends))


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
    if checked:
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
