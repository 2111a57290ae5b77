"""What pages are made of: our templates, stylesheet and icon, or those of the operator's folder.

A file of the folder replaces ours of the same name; "ours/NAME" is still ours, so that a template
can extend what it replaces. Where one of theirs fails, the page is made of ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from traceback import extract_tb
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateSyntaxError

from aggregator.core.errors import AggregatorError
from aggregator.web.responses import short_digest

STYLESHEET = "style.css"
ICON = "icon.svg"
TOUCH_ICON = "icon.png"
"""For those who take no SVG: home screens, older browsers."""
OURS = "ours/"
"""Stands before the name of a template that is meant to be ours."""

Filters = Mapping[str, Callable[..., Any]]


class TemplateFault(AggregatorError):
    """What is wrong with a file of the operator's: where, and a sentence."""


@dataclass(frozen=True, slots=True)
class _File:
    """`place` is what people find it by."""

    place: str
    content: bytes


_Files = Mapping[str, _File]


@dataclass(frozen=True, slots=True)
class Folder:
    """What the operator's folder held when it was read."""

    files: _Files = field(default_factory=dict)
    """Those that count: templates, stylesheet, icon."""
    faults: tuple[TemplateFault, ...] = field(default=(), compare=False)
    """What could not be read."""


class Theme:
    """Ours, and the operator's in front. `filters` and `values` are for all templates."""

    def __init__(self, folder: Folder, *, filters: Filters, values: Mapping[str, object]) -> None:
        theirs, self._unread = folder.files, folder.faults
        present = {**_OUR_FILES, **theirs}
        self.stylesheet = present[STYLESHEET].content
        self.icon = present[ICON].content
        self.touch_icon = present[TOUCH_ICON].content
        self.version = _digest(present)
        """Changes whenever the same entries would look different."""
        values = {**values, "style_version": short_digest(self.stylesheet)}
        self._ours = _environment(_OUR_FILES, filters, values)
        self._overridden = _environment(present, filters, values) if theirs else None
        self._templates = sorted(name for name in theirs if name.endswith(".html"))

    def faults(self) -> tuple[TemplateFault, ...]:
        """What is wrong with the operator's files before anything is made of them."""
        return (*self._unread, *filter(None, map(self._fault, self._templates)))

    def _fault(self, name: str) -> TemplateFault | None:
        try:
            if self._overridden:
                self._overridden.get_template(name)
        except Exception as error:  # noqa: BLE001 - whatever a file of somebody else's may do
            return _fault_of(error, name)
        return None

    def render(self, template: str, **values: object) -> tuple[bytes, TemplateFault | None]:
        """The page, and what was wrong with the operator's templates where ours had to do."""
        fault = None
        if self._overridden:
            try:
                return _made(self._overridden, template, values), None
            except Exception as error:  # noqa: BLE001 - whatever a file of somebody else's may do
                fault = _fault_of(error, template)
        return _made(self._ours, template, values), fault


def _made(templates: Environment, name: str, values: Mapping[str, object]) -> bytes:
    return templates.get_template(name).render(values).encode()


def _environment(present: _Files, filters: Filters, values: Mapping[str, object]) -> Environment:
    def load(name: str) -> tuple[str, str, Callable[[], bool]] | None:
        wanted = _OUR_FILES if name.startswith(OURS) else present
        found = wanted.get(name.removeprefix(OURS))
        return (_text(found), found.place, lambda: True) if found else None

    environment = Environment(
        loader=FunctionLoader(load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    environment.globals.update(values)
    return environment


def _text(file: _File) -> str:
    try:
        return file.content.decode()
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        raise TemplateSyntaxError("this is not UTF-8", line, filename=file.place) from None


def _fault_of(error: Exception, template: str) -> TemplateFault:
    """The innermost line of a template that had a part in it."""
    if isinstance(error, TemplateSyntaxError):
        return TemplateFault(f"{error.filename or template}:{error.lineno}: {error.message}")
    places = [
        f"{frame.filename}:{frame.lineno}"
        for frame in extract_tb(error.__traceback__)
        if frame.filename.endswith(".html")
    ]
    return TemplateFault(f"{places[-1] if places else template}: {_said(error)}")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _counts(name: str) -> bool:
    return name.endswith(".html") or name in {STYLESHEET, ICON, TOUCH_ICON}


def _our_files() -> dict[str, _File]:
    package = files("aggregator.web")
    found = [*(package / "templates").iterdir(), *(package / "static").iterdir()]
    return {file.name: _File(str(file), file.read_bytes()) for file in found if _counts(file.name)}


_OUR_FILES: _Files = _our_files()


def read_folder(path: Path | None) -> Folder:
    """The folder as it is now; without one, nothing."""
    try:
        inside = sorted(path.iterdir()) if path else []
    except OSError as error:
        return Folder(faults=(TemplateFault(f"{path}: {error.strerror}"),))
    found: dict[str, _File] = {}
    unread = []
    for each in inside:
        if not _counts(each.name):
            continue
        try:
            found[each.name] = _File(str(each), each.read_bytes())
        except OSError as error:
            unread.append(TemplateFault(f"{each}: {error.strerror}"))
    return Folder(found, tuple(unread))


def _digest(present: _Files) -> str:
    return short_digest(
        *(part for name in sorted(present) for part in (name.encode(), present[name].content))
    )
