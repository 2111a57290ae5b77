"""What of a source's HTML we keep: the allow-list of elements and attributes, and its exceptions.

Everything that is not named here goes; of unknown elements the text stays.
"""

import re
from collections.abc import Callable

from aggregator.core.urls import web_url
from aggregator.formats.html_players import SANDBOX, is_player


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXT_TAGS = """
    a abbr address article aside b bdi bdo blockquote br center cite code data dd del details dfn
    div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr i ins kbd li main mark
    nav ol p pre q rp rt ruby s samp section small span strike strong sub summary sup time tt u ul
    var wbr
"""
_TABLE_TAGS = "caption col colgroup table tbody td tfoot th thead tr"
_MEDIA_TAGS = "audio img picture source video"
_MATH_TAGS = """
    annotation math menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mroot mrow mspace
    msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover semantics
"""

TAGS = names(f"{_TEXT_TAGS} {_TABLE_TAGS} {_MEDIA_TAGS} {_MATH_TAGS}")

# Their text is for machines, or makes no sense without what we take away.
DROPPED_WITH_CONTENT = names("""
    applet annotation-xml button datalist embed frame frameset head iframe noembed noframes object
    plaintext script select style svg template textarea title xmp
""")

BLOCKS = names("""
    address article aside blockquote body br caption center dd details dialog div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main nav
    ol p picture section summary table tbody td tfoot th thead tr ul video audio
""")
"""In plain text a space stands before and after them; around others none does."""

# Elements around a <pre> that highlighters build: line numbers, captions, one row a line.
CODE_WRAPPERS = names("""
    chroma code code-wrapper codehilite crayon-syntax gist highlight highlight-wrapper
    highlighter-rouge highlighttable lntable rouge-table sourceCode syntaxhighlighter wp_syntax
""")

ATTRIBUTES: dict[str, set[str]] = {
    "*": {"dir", "lang", "title"},
    "a": {"href", "hreflang"},
    "audio": {"src"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"datetime"},
    "details": {"open"},
    "img": {"alt", "height", "loading", "src", "width"},
    "ins": {"datetime"},
    "ol": {"reversed", "start", "type"},
    "source": {"media", "src", "type"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan", "scope"},
    "time": {"datetime"},
    "video": {"height", "poster", "src", "width"},
    "li": {"value"},
    "annotation": {"encoding"},
    "math": {"display"},
    "mo": {"fence", "form", "lspace", "rspace", "stretchy"},
    "mspace": {"width"},
    "mtd": {"columnalign", "columnspan", "rowspan"},
    "mtable": {"columnalign", "rowspacing"},
    "mi": {"mathvariant"},
    "mfrac": {"linethickness"},
    "mover": {"accent"},
    "munder": {"accentunder"},
}

# Kept only after a look at the value (see `checked_attribute`).
CHECKED_ATTRIBUTES: dict[str, set[str]] = {
    "code": {"class"},
    "img": {"sizes", "srcset"},
    "pre": {"class"},
    "source": {"sizes", "srcset"},
}

SET_ATTRIBUTES = {"audio": {"controls": ""}, "video": {"controls": ""}}
"""A player without controls is of no use once its script is gone."""

# Only where a source's players are allowed; the address is looked at, too.
FRAME_ATTRIBUTES = {"allowfullscreen", "height", "loading", "sandbox", "src", "title", "width"}
SET_FRAME_ATTRIBUTES = {"sandbox": SANDBOX}
"""One only: nh3 adds several in any order, and equal documents would give unequal HTML."""

SCHEMES = frozenset({"http", "https", "mailto"})

_LANGUAGE_CLASS = re.compile(r"(?:language|lang)-[\w+#.-]{1,40}", re.ASCII)

# One candidate of a srcset: an address, a descriptor, a comma or the end (HTML §4.8.4.2.1).
_CANDIDATE = re.compile(r"([^\s,]\S*)(?:\s+([\d.]+[wxh]))?\s*(?:,|\Z)", re.ASCII)
_LONGEST_SRCSET = 8192

BEACONS = names("""
    //pixel.wp.com/ //stats.wordpress.com/ //feeds.wordpress.com/1.0/ //feeds.feedburner.com/~
    //feeds2.feedburner.com/~ //feedproxy.google.com/~ //feedads.g.doubleclick.net/
    feedsportal.com/ //feeds.feedblitz.com/~ //assets.feedblitz.com/ //rss.buysellads.com/
    //a.pheedo.com/ //www.pheedcontent.com/ //tracking.feedpress.it/ //feedpress.me/~
    .rssfwd.com/ //b.scorecardresearch.com/ //sb.scorecardresearch.com/
    //pixel.quantserve.com/ //www.google-analytics.com/ //ssl.google-analytics.com/
    //ad.doubleclick.net/ //stats.g.doubleclick.net/ //medium.com/_/stat?
    //www.facebook.com/tr? //t.co/i/adsct //analytics.twitter.com/ //px.ads.linkedin.com/
    //mc.yandex.ru/ //counter.yadro.ru/ //hm.baidu.com/ //c.statcounter.com/
    .assoc-amazon.com/e/ir? .amazon-adsystem.com/e/ir? .met.vgwort.de/na/
    //ssl-vg03.met.vgwort.de/ /piwik.php? /matomo.php? //trc.taboola.com/ //log.outbrain.com/
    .list-manage.com/track/ //api.flattr.com/button/ //button.flattr.com/ //www.addtoany.com/
    //static.addtoany.com/ //s7.addthis.com/ //cache.addthis.com/
    //platform-api.sharethis.com/ //w.sharethis.com/ //assets.pinterest.com/
    //platform.twitter.com/ //badge.facebook.com/ //www.reddit.com/static/spreddit
    //cdn.stumble-upon.com/ //digg.com/img/badges/
""")
"""Parts of the addresses of pictures that only count readers, or ask to share; in lower case."""

_HIDING_STYLE = re.compile(
    r"display\s*:\s*none|(?:width|height)\s*:\s*[01](?:px)?\s*(?:;|\Z)", re.IGNORECASE
)


def is_beacon(source: str | None) -> bool:
    """True for the address of an image that is there to count readers, or to share."""
    lowered = (source or "").lower()
    return any(part in lowered for part in BEACONS)


def is_hidden(attributes: dict[str, str | None]) -> bool:
    """True for an image that nobody is to see."""
    sizes = [value for name in ("width", "height") if (value := attributes.get(name)) is not None]
    if sizes and all(size.strip().removesuffix("px") in {"0", "1"} for size in sizes):
        return True
    return _HIDING_STYLE.search(attributes.get("style") or "") is not None


def checked_attribute(
    tag: str, name: str, value: str, base: str | None, clean: Callable[[str], str]
) -> str | None:
    """The value as it may stay, or None; for the attributes that nh3 does not look into itself."""
    match name:
        case "href" if tag == "a":
            url = web_url(value, base)
            return value if url is None or value.lstrip().startswith("#") else clean(url)
        case "src" if tag == "iframe":
            return value if is_player(value) else None
        case "class":
            return " ".join(filter(_LANGUAGE_CLASS.fullmatch, value.split())) or None
        case "srcset":
            return absolute_srcset(value, base) or None
        case _:
            return value


def absolute_srcset(srcset: str | None, base: str | None) -> str:
    """The candidates that are http(s) addresses, absolute; empty when there is none."""
    return ", ".join(f"{url} {size}".rstrip() for url, size in _candidates(srcset or "", base))


def first_candidate(srcset: str | None, base: str | None) -> str | None:
    return next((url for url, _ in _candidates(srcset or "", base)), None)


def _candidates(srcset: str, base: str | None) -> list[tuple[str, str]]:
    if len(srcset) > _LONGEST_SRCSET:
        return []
    return [
        (url, size)
        for address, size in _CANDIDATE.findall(srcset)
        if (url := web_url(address, base)) is not None
    ]
