"""What a web page in a feed's place is, in words for the operator."""

import html
import re

from aggregator.core.text import one_line

LONGEST_LOOK = 64 * 1024
"""Bytes at a page's beginning."""

LONGEST_TITLE = 80

_TITLE = re.compile(r"<title\b[^>]{0,500}>([^<]{1,500})", re.IGNORECASE)

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "a page that offers the domain for sale",
        re.compile(
            r"buy this domain|domain (?:name )?(?:is|may be) (?:available )?for sale"
            r"|domain (?:has expired|is parked)|parked (?:free|domain)|domain ?parking"
            r"|(?:sedo|parkingcrew|bodis|hugedomains|afternic|dan)\.com\b",
            re.IGNORECASE,
        ),
    ),
    (
        "a page that wants to see a browser",
        re.compile(
            r"just a moment\.\.\.|challenge-platform|cf-chl-|enable javascript and cookies"
            r"|captcha",
            re.IGNORECASE,
        ),
    ),
    (
        "a page that asks for a password",
        re.compile(r"<input\b[^>]{0,500}\btype\s*=\s*[\"']?password", re.IGNORECASE),
    ),
)


def page_in_words(page: bytes) -> str:
    """Such as: an HTML page (“Not found”)."""
    text = page[:LONGEST_LOOK].decode("utf-8", "replace")
    title = _TITLE.search(text)
    named = one_line(html.unescape(title[1]), LONGEST_TITLE) if title else ""
    kind = next((words for words, pattern in _KINDS if pattern.search(text)), "an HTML page")
    return f"{kind} (“{named}”)" if named else kind
