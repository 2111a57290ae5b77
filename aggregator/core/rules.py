"""The language of `include` and `exclude`: one rule is one line of text.

    words                   the title or the text has these words
    FIELD: words            that field has them: title, content, author, link, text; a category is
                            they; a language is that one or a variety of it
    FIELD ~ pattern         a regular expression is found in it; without FIELD in title or text
    age > 30d, age < 12h    by the date of publication
    not …                   before one of the last three: the opposite

Case, width and composition of characters do not matter (Unicode NFKC, case folding), and words
need no boundaries: Chinese and Japanese have none. Nothing here is a regular expression except
what stands behind a tilde, and that is RE2's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache
from unicodedata import normalize

from aggregator.core.model import Content
from aggregator.core.patterns import Pattern, compiled
from aggregator.core.spans import LONGEST_SPAN, span_of

TEXT = "text"
AGE = "age"


def _people(content: Content) -> Iterator[str]:
    for person in content.authors:
        yield from filter(None, (person.name, person.email, person.uri))


FIELDS: dict[str, Callable[[Content], Iterator[str] | tuple[str, ...]]] = {
    TEXT: lambda content: (content.title, content.text, content.summary),
    "title": lambda content: (content.title,),
    "content": lambda content: (content.text, content.summary),
    "author": _people,
    "category": lambda content: content.categories,
    "link": lambda content: (content.link,) if content.link else (),
    "language": lambda content: (content.language,) if content.language else (),
}

_OTHER_NAMES = {
    "tag": "category",
    "tags": "category",
    "categories": "category",
    "url": "link",
    "lang": "language",
    "body": "content",
    "summary": "content",
    "by": "author",
    "date": AGE,
}
_SIGNS = {sign: sign for sign in ":~<>=!"} | {"：": ":", "～": "~", "＜": "<", "＞": ">"}
"""As they are typed, in full width as well, to what they mean; = and ! are none of ours."""
_ALMOST = 0.8
"""How alike a word and a field's name are when the one is taken for the other misspelt."""

_LONGEST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One condition on an entry; `written` is how the configuration has it."""

    written: str
    negated: bool = False
    about: str = TEXT
    """One of FIELDS, or "age"."""
    sign: str = ":"
    wanted: str
    """Folded words, or a pattern as it stands."""
    span: timedelta | None = None
    """Of a rule about age: where it changes its mind."""
    pattern: Pattern | None = field(default=None, compare=False, repr=False)

    def matches(self, content: Content, age: timedelta) -> bool:
        """`age` is the time since the entry was published."""
        return self._holds(content, age) is not self.negated

    def _holds(self, content: Content, age: timedelta) -> bool:
        if self.span is not None:
            return age > self.span if self.sign == ">" else age <= self.span
        there = FIELDS[self.about](content)
        if self.pattern is not None:
            return any(map(self.pattern, there))
        return any(self._says(folded(text)) for text in there)

    def _says(self, text: str) -> bool:
        match self.about:
            case "category":
                return text == self.wanted
            case "language":
                return text == self.wanted or text.startswith(f"{self.wanted}-")
            case _:
                return self.wanted in text


@lru_cache(maxsize=128)  # several rules look at one text
def folded(text: str) -> str:
    """A form in which texts are equal that differ in case, width or composition only."""
    spaced = " ".join(text.split())
    return spaced.lower() if spaced.isascii() else normalize("NFKC", spaced).casefold()


def parse_rule(written: str) -> Rule:
    """Raises ValueError with a sentence that says what must stand there, and repeats no value."""
    if len(written) > _LONGEST:
        raise ValueError(f"must be a rule of at most {_LONGEST} characters")
    rest = written.strip()
    negated = rest[:4].lower() == "not "
    named = _parsed_field(written, rest[4:].lstrip() if negated else rest, negated=negated)
    if named is not None:
        return named
    if not folded(rest):
        raise ValueError('must not be empty: write words such as "release"')
    return Rule(written=written, wanted=folded(rest))


def _parsed_field(written: str, text: str, *, negated: bool) -> Rule | None:
    """None where the text is just words."""
    name, sign, tail = _split(text)
    if not sign:
        return None
    known = _known(name, sign)
    if known is None:
        return None
    if known == AGE:
        sign, span = _span(sign, tail)
        return Rule(written=written, negated=negated, about=AGE, sign=sign, wanted=tail, span=span)
    if sign == "~":
        return Rule(
            written=written,
            negated=negated,
            about=known,
            sign=sign,
            wanted=tail,
            pattern=compiled(tail),
        )
    if sign != ":":
        raise ValueError(f'must be written as "{known}: words" or "{known} ~ pattern"')
    return Rule(written=written, negated=negated, about=known, wanted=_words(known, tail))


def _split(text: str) -> tuple[str, str, str]:
    """The word at the beginning, the sign behind it ("" where there is none), and the rest."""
    length = next((at for at, letter in enumerate(text) if not letter.isalpha()), len(text))
    rest = text[length:].lstrip()
    sign = _SIGNS.get(rest[:1], "")
    return text[:length].lower(), sign, rest[1:].strip()


def _known(name: str, sign: str) -> str | None:
    """The field of that name; None for a word that is none. A misspelt one raises ValueError."""
    if name in FIELDS or name == AGE:
        return name
    if not name:
        return TEXT if sign == "~" else None
    if sign not in {":", "~"}:
        return None
    meant = _OTHER_NAMES.get(name)
    close = [meant] if meant else get_close_matches(name, [*FIELDS, AGE], n=1, cutoff=_ALMOST)
    if not close:
        return None
    example = '"age > 30d"' if close[0] == AGE else f'"{close[0]}{" ~" if sign == "~" else ":"} …"'
    raise ValueError(
        f"unknown field; did you mean {example}? To look for these very words, "
        f'write "{TEXT}: " in front of them'
    )


def _span(sign: str, tail: str) -> tuple[str, timedelta]:
    span = span_of(tail.removeprefix("=").strip())
    if sign not in {"<", ">"} or span is None or span > LONGEST_SPAN:
        raise ValueError('must be written as "age > 30d" or "age < 12h"; units are m, h and d')
    return sign, span


def _words(name: str, tail: str) -> str:
    words = folded(tail)
    if not words:
        raise ValueError(f'must say what to look for: "{name}: words"')
    if name == "language" and not all(part.isalnum() for part in words.split("-")):
        raise ValueError('must have one language tag: "language: zh"')
    return words
