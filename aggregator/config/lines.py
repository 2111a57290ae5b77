"""Which line of a TOML text a key stands on; tomllib does not tell.

The text has been read by tomllib before, so this scanner trusts its syntax and only follows
its structure (https://toml.io/en/v1.0.0).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

Location = tuple[str | int, ...]
"""The way to a value: keys of tables and positions in lists."""

_TOKEN = re.compile(
    r"""
      (?P<comment> \#[^\n]* )
    | (?P<string> \"{3}(?:\\.|[^\\])*?\"{3}\"{0,2} | '{3}.*?'{3}'{0,2}
                | "(?:\\.|[^"\\])*" | '[^']*' )
    | (?P<bare> [A-Za-z0-9_-]+ )
    | (?P<newline> \n )
    | (?P<space> [\ \t\r]+ )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass
class Lines:
    """Those of a valid TOML text, looked for when one is asked for: that takes longer than to read
    the text, and of most files nobody asks.
    """

    text: str

    @cached_property
    def _found(self) -> dict[Location, int]:
        return lines_of(self.text)

    def of(self, location: Location) -> int:
        """As `line_of`."""
        return line_of(self._found, location)


def line_of(lines: Mapping[Location, int], location: Location) -> int:
    """The line of the value, else of the nearest table around it, else the first."""
    while location and location not in lines:
        location = location[:-1]
    return lines.get(location, 1)


def lines_of(text: str) -> dict[Location, int]:
    """The line (from 1) of every table, key and list item of a valid TOML text."""
    scanner = _Scanner(_tokens(text))
    scanner.document()
    return scanner.lines


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int


_END = _Token("end", "", 0)


def _tokens(text: str) -> list[_Token]:
    tokens = []
    line = 1
    for found in _TOKEN.finditer(text):
        if found.lastgroup not in {"comment", "space"}:
            tokens.append(_Token(str(found.lastgroup), found[0], line))
        line += found[0].count("\n")
    return tokens


@dataclass(slots=True)
class _Scanner:
    tokens: list[_Token]
    position: int = 0
    lines: dict[Location, int] = field(default_factory=dict)
    lengths: dict[Location, int] = field(default_factory=dict)
    """How many tables each list of tables has so far."""

    def peek(self) -> _Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def take(self) -> _Token:
        token = self.peek()
        self.position += 1
        return token

    def skip(self, *texts: str) -> None:
        while self.peek().text in texts:
            self.position += 1

    def document(self) -> None:
        table: Location = ()
        self.skip("\n")
        while self.peek() is not _END:
            if self.peek().text == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip("\n")

    def header(self) -> Location:
        """`[a.b]` or `[[a.b]]`."""
        line = self.take().line
        repeated = self.peek().text == "["
        self.skip("[")
        location = self.resolve(self.key(), repeated=repeated)
        self.skip("]")
        self.note(location, line)
        self.lines[location] = line  # beats what a longer header before it implied
        return location

    def resolve(self, key: list[str], *, repeated: bool) -> Location:
        """A name in a header means the last table of the list that bears the name."""
        location: Location = ()
        for depth, part in enumerate(key, start=1):
            location = (*location, part)
            if repeated and depth == len(key):
                self.lengths[location] = self.lengths.get(location, 0) + 1
            if location in self.lengths:
                location = (*location, self.lengths[location] - 1)
        return location

    def key(self) -> list[str]:
        parts = [_name(self.take())]
        while self.peek().text == ".":
            self.take()
            parts.append(_name(self.take()))
        return parts

    def pair(self, table: Location) -> None:
        line = self.peek().line
        location: Location = (*table, *self.key())
        self.skip("=")
        self.note(location, line)
        self.value(location)

    def note(self, location: Location, line: int) -> None:
        for depth in range(1, len(location) + 1):
            self.lines.setdefault(location[:depth], line)

    def value(self, location: Location) -> None:
        match self.peek().text:
            case "[":
                self.items(location)
            case "{":
                self.inline_table(location)
            case _:
                while self.peek().text not in {",", "]", "}", "\n", ""}:
                    self.take()

    def items(self, location: Location) -> None:
        self.take()
        self.skip("\n")
        index = 0
        while self.peek().text != "]":
            self.lines[(*location, index)] = self.peek().line
            self.value((*location, index))
            self.skip("\n", ",")
            index += 1
        self.take()

    def inline_table(self, location: Location) -> None:
        self.take()
        self.skip("\n")  # allowed from TOML 1.1 on
        while self.peek().text != "}":
            self.pair(location)
            self.skip("\n", ",")
        self.take()


def _name(token: _Token) -> str:
    if token.kind != "string":
        return token.text
    return next(iter(tomllib.loads(f"{token.text} = 0")))
