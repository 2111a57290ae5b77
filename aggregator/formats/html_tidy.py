"""What only a look at whole elements can set right, before nh3 decides what is safe.

tidied:  lazy pictures → beacons → <noscript> → players → formulas
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.core.urls import web_url
from aggregator.formats import html_formulas, html_rules
from aggregator.formats.html_players import SANDBOX, framed_url, is_player, page_of
from aggregator.formats.html_text import Markup

_LAZY_SOURCES = (
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-original-src",
    "data-orig-src",
    "data-actualsrc",
    "data-lazy",
)
_LAZY_SETS = ("data-srcset", "data-lazy-srcset", "data-original-set")

_LAZY_MARKS = ("data-src", "data-lazy", "data-orig", "data-actualsrc")
_SETTLED = frozenset({"noscript", "iframe", "embed", "object"})
"""Elements that never stay as they are."""

# A host is looked for where one begins, which takes a tenth of the time.
_BEACON_HOSTS = tuple(part[2:] for part in html_rules.BEACONS if part.startswith("//"))
_BEACON_PARTS = tuple(part for part in html_rules.BEACONS if not part.startswith("//"))
_SMALL = (
    re.compile(r"width\s*[=:]\s*[\"']?[01](?:px)?(?!\d)"),
    re.compile(r"height\s*[=:]\s*[\"']?[01](?:px)?(?!\d)"),
)

_PICTURE = re.compile(r"""<img(?:\s++[a-z0-9:_-]++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'))?+)*+\s*+/?>""")

# HTML drops one line end after <pre>; the tree is written without another.
_PRE_LINE = re.compile(r"(<pre(?:\s[^>]*)?>)(\r?\n)", re.IGNORECASE)

_STAND_IN = re.compile(
    r"/(?:1x1|blank|clear|dot|gr[ae]y|lazy|loader|loading|pixel|placeholder|spacer|trans|transparent)"
    r"[\w.-]{0,20}\.(?:gif|jpe?g|png|svg|webp)\Z",
    re.IGNORECASE,
)


_SHOWN = "img, picture, video, audio, math"


def is_untidy(markup: Markup) -> bool:
    """Whether there is anything to do."""
    lowered = markup.lowered
    return (
        "display:" in lowered
        or not _SETTLED.isdisjoint(markup.names)
        or ("data-" in lowered and _holds(lowered, _LAZY_MARKS))
        or _holds(lowered, html_formulas.MARKS)
        or ("img" in markup.names and _has_odd_picture(lowered))
    )


def _has_odd_picture(lowered: str) -> bool:
    pictures = _PICTURE.findall(lowered)
    in_doubt = len(pictures) != lowered.count("<img")
    seen = lowered if in_doubt else "".join(pictures)
    return (
        "srcset" in lowered
        or any(place.lstrip("/").startswith(_BEACON_HOSTS) for place in seen.split("//")[1:])
        or _holds(seen, _BEACON_PARTS)
        or any(small.search(seen) for small in _SMALL)
    )


def _holds(text: str, parts: Iterable[str]) -> bool:
    for part in parts:  # noqa: SIM110 a generator takes as long again as the search
        if part in text:
            return True
    return False


def tidied(html: str, base: str | None, *, players: bool) -> str:
    """The same HTML with one picture where there were a stand-in and a promise, and the like."""
    # As the text of a body: <noscript> would be read otherwise in a head.
    tree = LexborHTMLParser("<body>" + _PRE_LINE.sub(r"\1\2\2", html))
    media = tree.css("img, source, video, audio")
    promoted = {node.mem_id for node in media if _promote(node, base)}
    _remove_beacons(tree, promoted)
    _settle_noscripts(tree, promoted, base)
    for frame in html_formulas.outermost(tree.css("iframe, embed, object"), None):
        _settle_frame(tree, frame, base, players=players)
    html_formulas.tidy_formulas(tree)
    body = tree.body
    return (body.inner_html or "") if body is not None else ""


def _promote(node: LexborNode, base: str | None) -> bool:
    """Gives a picture the addresses that a script would have; True where there were any."""
    attributes = node.attributes
    found = [name for name in _LAZY_SOURCES if web_url(attributes.get(name), base)]
    sets = [name for name in _LAZY_SETS if html_rules.absolute_srcset(attributes.get(name), base)]
    if found and (node.tag == "img" or not attributes.get("src")):
        node.attrs["src"] = attributes[found[0]] or ""
        for name in ("width", "height"):  # those of a stand-in
            if (attributes.get(name) or "").strip() in {"0", "1"}:
                del node.attrs[name]
    if sets:
        node.attrs["srcset"] = attributes[sets[0]] or ""
    if (attributes.get("sizes") or "").strip().lower() == "auto":
        del node.attrs["sizes"]
    if node.tag == "img" and not found and is_stand_in(attributes.get("src")):
        first = html_rules.first_candidate(node.attributes.get("srcset"), base)
        if first:  # not every reader knows of srcset
            node.attrs["src"] = first
            return True
    return bool(found or sets)


def is_stand_in(source: str | None) -> bool:
    """True for what stands in a picture's place until a script puts the real one there."""
    written = (source or "").strip()
    if not written or written[:5].lower() == "data:":
        return True
    try:
        return _STAND_IN.search(urlsplit(written).path) is not None
    except ValueError:
        return True


def _settle_noscripts(tree: LexborHTMLParser, promoted: set[int], base: str | None) -> None:
    shown = _shown_pictures(tree, base)
    for node in html_formulas.outermost(tree.css("noscript"), None):
        if _is_repeated(node, shown, promoted, base):
            node.decompose()
    for node in tree.css("noscript"):  # nh3 would take what is in it for text
        node.unwrap()


def _is_repeated(node: LexborNode, shown: set[str], promoted: set[int], base: str | None) -> bool:
    """Whether a <noscript> has pictures for readers without scripts that are there already.

    A stand-in beside it makes room for them where they are not.
    """
    urls = [url for image in node.css("img") if (url := _picture(image, base))]
    if not urls:
        return False
    beside = [image for near in _neighbours(node) for image in _images_of(near)]
    if any(image.mem_id in promoted for image in beside) or shown.issuperset(urls):
        return True
    for image in beside:
        if is_stand_in(image.attributes.get("src")):
            image.decompose()
    return False


def _shown_pictures(tree: LexborHTMLParser, base: str | None) -> set[str]:
    outside = (image for image in tree.css("img") if not _in_noscript(image))
    return {url for image in outside if (url := _picture(image, base))}


def _picture(image: LexborNode, base: str | None) -> str | None:
    """Its address without the query, which often says how large the picture should be."""
    source = image.attributes.get("src")
    url = None if is_stand_in(source) else web_url(source, base)
    return url.partition("?")[0] if url else None


def _in_noscript(node: LexborNode) -> bool:
    above = node.parent
    while above is not None and above.tag != "noscript":
        above = above.parent
    return above is not None


def _neighbours(node: LexborNode) -> Iterator[LexborNode]:
    """The elements before and after it, with nothing but white space between."""
    for step in ("prev", "next"):
        near = getattr(node, step)
        while near is not None and near.tag == "-text" and not near.text().strip():
            near = getattr(near, step)
        if near is not None and not near.tag.startswith("-"):
            yield near


def _images_of(node: LexborNode) -> list[LexborNode]:
    return [node] if node.tag == "img" else node.css("img")


def _remove_beacons(tree: LexborHTMLParser, promoted: set[int]) -> None:
    """Pictures that nobody should see, and the links around them that have nothing else to show."""
    links: dict[int, LexborNode] = {}
    for image in tree.css("img"):
        is_hidden = image.mem_id not in promoted and html_rules.is_hidden(image.attributes)
        if is_hidden or html_rules.is_beacon(image.attributes.get("src")):
            around = image.parent
            image.decompose()
            if around is not None and around.tag == "a":
                links[around.mem_id] = around
    for link in links.values():
        if not link.text(deep=True).strip() and link.css_first(_SHOWN) is None:
            link.decompose()


def _settle_frame(
    tree: LexborHTMLParser, frame: LexborNode, base: str | None, *, players: bool
) -> None:
    """A player by itself where that is allowed, else by a link to what it plays."""
    inner = frame.css_first("embed, iframe") or frame
    url = framed_url(frame.attributes, base) or framed_url(inner.attributes, base)
    page = page_of(url) if url else None
    if url is None or page is None:
        frame.decompose()
    elif players and frame.tag == "iframe" and is_player(url):
        frame.replace_with(_player(tree, url, frame.attributes))
    else:
        link = tree.create_node("a")
        link.attrs["href"] = page
        link.insert_child(" ".join((frame.attributes.get("title") or page).split()))
        frame.replace_with(link)


def _player(tree: LexborHTMLParser, url: str, attributes: Mapping[str, str | None]) -> LexborNode:
    """Made anew: what is between its tags would be written as it stands."""
    player = tree.create_node("iframe")
    for name in ("width", "height", "title"):
        if value := attributes.get(name):
            player.attrs[name] = value
    player.attrs["src"] = url
    player.attrs["loading"] = "lazy"
    player.attrs["allowfullscreen"] = ""
    player.attrs["sandbox"] = SANDBOX
    return player
