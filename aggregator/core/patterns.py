"""Regular expressions of the configuration, on RE2: the time that one takes grows with the text and
no faster, whatever is written in it (https://github.com/google/re2/wiki/WhyRE2).
"""

from collections.abc import Callable

import re2

LONGEST = 1000
"""Characters of a pattern."""

Pattern = Callable[[str], bool]
"""Whether it is found anywhere in a text."""

_HINTS = {
    "invalid perl operator": "there is no look-around, (?i) stands at the beginning",
    "invalid escape sequence": "there are no back-references; a backslash itself is \\\\",
    "missing )": "a bracket itself is \\(",
    "unexpected )": "a bracket itself is \\)",
    "missing ]": "a bracket itself is \\[",
    "no argument for repetition operator": "a star or a plus itself is \\* or \\+",
    "bad repetition operator": "a star or a plus itself is \\* or \\+",
    "invalid repetition size": "at most 1000 in all",
}


def compiled(pattern: str) -> Pattern:
    """Case is ignored unless the pattern says (?-i). Raises ValueError with a sentence that repeats
    nothing of the pattern.
    """
    if not pattern or len(pattern) > LONGEST:
        raise ValueError(f"must have a regular expression of 1 to {LONGEST} characters")
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        found = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(_sentence(error)) from None
    return lambda text: found.search(text) is not None


def _sentence(error: Exception) -> str:
    """RE2's messages are fixed words, then a colon and a part of the pattern."""
    told = error.args[0] if error.args else b""
    words = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
    fault = words.partition(":")[0]
    hint = f" ({_HINTS[fault]})" if fault in _HINTS else ""
    return f"must be a regular expression that RE2 can read: {fault or 'it cannot'}{hint}"
