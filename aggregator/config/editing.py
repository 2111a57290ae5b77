"""config.toml changed for its owner: what the change is not about stays byte for byte.

tomlkit says where a section begins and ends and how a value is written. Whatever it says, the new
text is read anew, and replaces the file only when it says what was asked for and is a good
configuration as a whole.
"""

import os
import re
import tempfile
import tomllib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Comment, Table, Whitespace

from aggregator.config.load import load
from aggregator.config.settings import (
    DatabaseSettings,
    EngineSettings,
    FetchSettings,
    FiltersSettings,
    PublishSettings,
    RetentionSettings,
    ServerSettings,
    Settings,
    SiteSettings,
    WebsubSettings,
)
from aggregator.core.errors import ConfigError

_NEW_TITLE = "Latest updates"
_NEW_FILE = f'[site]\ntitle = "{_NEW_TITLE}"\n'
"""What a file begins with that the first source makes."""

LONGEST_KEY = 40
"""Characters of a key that we make."""

_BOM = "\ufeff"

_MARK = "\0\n"
"""Stands in no TOML document, so that it can mark a place in one. It ends as a line does, since
tomlkit ends the last line of a section by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """A source to be written into the file."""

    key: str
    url: str
    name: str | None = None
    tags: tuple[str, ...] = ()

    def table(self) -> dict[str, Any]:
        """As TOML has it; a dollar sign would begin a variable, and is written twice."""
        facts = {"url": self.url, "name": self.name, "tags": list(self.tags)}
        return {option: _literal(fact) for option, fact in facts.items() if fact}


def add_sources(path: Path, environ: Mapping[str, str], sources: Sequence[NewSource]) -> Settings:
    """Writes them behind the last source; a file that is not there is made.

    Raises ConfigError, and leaves the file alone, when the outcome is no good configuration.
    """
    text = _text_of(path) if path.exists() else _NEW_FILE
    start, text = _BOM * text.startswith(_BOM), text.removeprefix(_BOM)
    tables = _tables(text, path)
    wanted = deepcopy(tables)
    for source in sources:
        wanted.setdefault("sources", {})[source.key] = source.table()
    blocks = "".join(f"\n{_block(source)}" for source in sources)
    return _replaced(path, environ, start + _with(text, blocks), wanted)


def remove_source(path: Path, environ: Mapping[str, str], key: str) -> Settings:
    """Takes out the source's section with the comments in it; those around it stay.

    Raises ConfigError, and leaves the file alone, when the outcome is no good configuration.
    """
    text = _text_of(path)
    start, text = _BOM * text.startswith(_BOM), text.removeprefix(_BOM)
    wanted = _tables(text, path)
    del wanted["sources"][key]
    if not wanted["sources"]:
        sentence = f'"{key}" is the only source, and there has to be one; add another first'
        raise ConfigError((f"{path}: {sentence}",))
    return _replaced(path, environ, start + _without(text, key), wanted)


def new_settings() -> Settings:
    """What a file says that `add_sources` is about to make."""
    return Settings(
        site=SiteSettings(title=_NEW_TITLE),
        database=DatabaseSettings(),
        engine=EngineSettings(),
        server=ServerSettings(),
        fetch=FetchSettings(),
        retention=RetentionSettings(),
        websub=WebsubSettings(),
        filters=FiltersSettings(),
        publish=PublishSettings(),
        sources={},
        publications={},
    )


def settings_to_extend(path: Path, environ: Mapping[str, str]) -> Settings:
    """What the file says, were it only missing sources; defaults where there is no file.

    Raises ConfigError for everything else that is wrong with it.
    """
    if not path.exists():
        return new_settings()
    text = _text_of(path)
    if "sources" in _tables(text, path):
        return load(path, environ)
    example = _block(NewSource(key="example", url="https://example.org/"))
    with _draft(path.resolve(), f"{text}\n{example}") as draft:
        return replace(_loaded(draft, path, environ), sources={})


def new_key(title: str, url: str, taken: Collection[str]) -> str:
    """A key made from the title, or from the host where that has no letters for one."""
    host = (urlsplit(url).hostname or "source").removeprefix("www.")
    made = _slug(title) or _slug(host) or "source"
    numbered = (f"{made}-{number}" for number in range(2, len(taken) + 3))
    return next(key for key in chain((made,), numbered) if key not in taken)


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    # A few letters are what is left of a title in another script.
    letters = sum(character.isalnum() for character in text)
    if 2 * len(words.replace("-", "")) < letters:
        return ""
    if len(words) > LONGEST_KEY:
        words = words[: LONGEST_KEY + 1].rpartition("-")[0] or words[:LONGEST_KEY]
    return words


def _literal(fact: object) -> object:
    if isinstance(fact, list):
        return [_literal(item) for item in fact]
    return str(fact).replace("$", "$$")


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeError):
        raise ConfigError((f"{path}: cannot be read as UTF-8; nothing was written",)) from None


def _tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix(_BOM))
    except ValueError as error:
        raise ConfigError((f"{path}: not valid TOML: {error}; nothing was written",)) from None


def _block(source: NewSource) -> str:
    table = tomlkit.table()
    table.update(source.table())
    return tomlkit.dumps({"sources": {source.key: table}}).lstrip("\n")


def _with(text: str, blocks: str) -> str:
    """The text with `blocks` behind the last source, or at its end."""
    newline = "\r\n" if "\r\n" in text else "\n"
    blocks = blocks.replace("\n", newline)
    if text and not text.endswith("\n"):
        text += newline
    document = _parsed(text)
    last = None if document is None else next(reversed([*_sources(document)]), None)
    if document is None or last is None:
        return text + blocks
    _mark_end(last[1].value)
    parts = tomlkit.dumps(document).split(_MARK)
    return blocks.join(parts) if "".join(parts) == text else text + blocks


def _without(text: str, key: str) -> str:
    """The text without the section, and without the blank line that parted it from the last."""
    document = _parsed(text)
    table = dict(_sources(document)).get(key) if document else None
    if document is None or table is None:
        return text  # which says what it said, and is refused
    _mark_end(table.value)
    table.value.body.insert(0, (None, Whitespace(_MARK)))
    head, _, after = parts = tomlkit.dumps(document).split(_MARK)
    if "".join(parts) != text:
        return text
    before = head[: head.rstrip("\r\n").rfind("\n") + 1]
    return re.sub(r"(?<=\n)\r?\n\Z", "", before) + after


def _parsed(text: str) -> TOMLDocument | None:
    try:
        return tomlkit.parse(text)
    except TOMLKitError:
        return None


def _sources(document: TOMLDocument) -> Iterator[tuple[str, Table]]:
    """The sections [sources.KEY], in the order of the file."""
    for name, group in document.body:
        if name is not None and name.key == "sources" and isinstance(group, Table):
            for key, table in group.value.body:
                if key is not None and isinstance(table, Table) and not key.is_dotted():
                    yield key.key, table


def _mark_end(section: Container) -> None:
    """Marks where a section ends: behind its last value and the comments right below that."""
    body = section.body
    last = max((at for at, (key, _) in enumerate(body) if key is not None), default=-1)
    inner = body[last][1] if last >= 0 else None
    if isinstance(inner, Table):  # such as [sources.KEY.headers]
        _mark_end(inner.value)
        return
    end = last + 1
    while end < len(body) and isinstance(body[end][1], Comment):
        end += 1
    body.insert(end, (None, Whitespace(_MARK)))


def _replaced(
    path: Path, environ: Mapping[str, str], text: str, wanted: Mapping[str, Any]
) -> Settings:
    if _tables(text, path) != wanted:
        raise ConfigError((f"{path}: written in a way that only you can edit; do it by hand",))
    target = path.resolve()  # a link stays one
    with _draft(target, text) as draft:
        settings = _loaded(draft, path, environ)
        draft.chmod(_mode(target))
        draft.replace(target)
    return settings


@contextmanager
def _draft(target: Path, text: str) -> Iterator[Path]:
    """A file beside the target, where relative paths mean the same; for the time of the block."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        reason = f"{target.parent}: no file can be written there ({error.strerror})"
        raise ConfigError((f"{reason}; nothing was written",)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _loaded(draft: Path, path: Path, environ: Mapping[str, str]) -> Settings:
    try:
        return load(draft, environ)
    except ConfigError as error:
        mistakes = (mistake.replace(str(draft), str(path)) for mistake in error.mistakes)
        raise ConfigError((*mistakes, f"{path}: nothing was written")) from None


def _mode(target: Path) -> int:
    """Of the file that is replaced; a new one is read by its owner's group, as files are."""
    return target.stat().st_mode & 0o7777 if target.exists() else 0o644
