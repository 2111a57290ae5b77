"""A file on disk to TOML tables and the lines of their keys."""

import re
import tomllib
from pathlib import Path
from typing import Any

from aggregator.config.lines import Lines
from aggregator.core.errors import ConfigError

_PLACE = re.compile(r"\(at (?:line (?P<line>[0-9]+), column (?P<column>[0-9]+)|end of document)\)$")

_HINTS = {
    "Invalid value": "text needs quotes around it",
    "Invalid statement": 'write key = "value" or [section]',
    "Expected '=' after": 'write key = "value"',
    "Expected newline": "begin a new line after each value",
    "Cannot overwrite": "this key stands here a second time; keep one",
    "Cannot mutate": "this section stands here a second time; keep one",
    "Cannot declare": "this section stands here a second time; keep one",
    "Illegal character '\\n'": "the closing quote is missing",
    "Unterminated": "the closing quote is missing",
    "Unclosed": "the closing bracket is missing",
    "Unescaped": "write two backslashes for one, or use single quotes",
}
"""What to do about tomllib's messages, by their beginnings."""


def read(path: Path) -> tuple[dict[str, Any], Lines]:
    """Raises ConfigError when the file cannot be read or is no TOML."""
    text = _text_of(path)
    try:
        return tomllib.loads(text), Lines(text)
    except ValueError as error:  # TOMLDecodeError, and numbers with thousands of digits
        mistake = _syntax_mistake(path, text, str(error))
    except RecursionError:
        mistake = f"{path}: lists or tables are nested too deeply; write them flat"
    # Raised out here: the file may hold secrets, and the first exception may hold the file.
    raise ConfigError((mistake,))


def _text_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError((_unreadable(path, error),)) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
    raise ConfigError((f"{path}:{line}: not UTF-8; save the file in the encoding UTF-8",))


def _unreadable(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return (
                f'{path}: there is no such file; make one with [site] title = "…" and '
                '[sources.KEY] url = "https://…", or name another with --config'
            )
        case IsADirectoryError():
            return f"{path}: this is a directory; name the file in it, such as {path}/config.toml"
        case _:
            reason = error.strerror or type(error).__name__
            return f"{path}: cannot be read ({reason}); mend that, or name another with --config"


def _syntax_mistake(path: Path, text: str, message: str) -> str:
    place = _PLACE.search(message)
    last_line = text.rstrip("\n").count("\n") + 1
    line = place["line"] if place and place["line"] else last_line
    column = f" in column {place['column']}" if place and place["column"] else ""
    fault = message[: place.start()].strip() if place else "a number is too long"
    hint = next((hint for start, hint in _HINTS.items() if fault.startswith(start)), None)
    return f"{path}:{line}: not valid TOML{column}: {fault}" + (f"; {hint}" if hint else "")
