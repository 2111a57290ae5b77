"""What looks wrong with a rule that is none of a mistake: it may match nothing, or everything."""

from collections.abc import Iterator

from aggregator.core.rules import Rule

_LONGEST_PRIMARY_TAG = 3
"""Letters of a language (RFC 5646 §2.2.1); longer ones are registered and never used."""

_OF_PATTERNS = ("(?", ".*", ".+", "\\b", "\\d", "\\s", "\\w", "[a-z", "[A-Z", "[0-9", "[^")


def doubts(rule: Rule) -> Iterator[str]:
    """Sentences for people; they repeat nothing of the rule but signs."""
    if rule.pattern is not None:
        yield from _of_pattern(rule)
    elif rule.span is None:
        yield from _of_words(rule)


def _of_pattern(rule: Rule) -> Iterator[str]:
    if "(i?)" in rule.wanted:
        yield 'looks wrong: "(i?)" is a letter i that may be missing; case is ignored anyway'
    elif rule.pattern and rule.pattern("") and rule.pattern("\x01"):
        yield "looks wrong: the pattern is found in every text, since it is content with nothing"
    if rule.wanted.startswith("/") and rule.wanted.rstrip("gimsux").endswith("/"):
        yield "looks wrong: the slashes around it are part of the pattern; leave them out"


def _of_words(rule: Rule) -> Iterator[str]:
    words = rule.written
    if any(sign in words for sign in _OF_PATTERNS) or rule.wanted.startswith("^"):
        field = "" if rule.about == "text" else f"{rule.about} "
        yield f'looks like a regular expression; that is written "{field}~ …"'
    elif rule.wanted.startswith("*") or rule.wanted.endswith("*"):
        yield "looks wrong: a star stands for itself; words match as parts of longer ones anyway"
    if rule.about == "language" and len(rule.wanted.partition("-")[0]) > _LONGEST_PRIMARY_TAG:
        yield 'looks wrong: languages are written as tags such as "en" or "zh"'
    if rule.about == "category" and "," in rule.wanted:
        yield "looks wrong: one category a rule; several rules are several entries of the list"
