"""feedparser's modules, loaded once more for us alone, two of their parts in fewer steps.

Its dictionaries search for aliases at each look, and each element's base is joined with itself.
What does both here gives the same answers; others in this process have feedparser as it is.
"""

import sys
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import feedparser


def _package() -> ModuleType:
    """The package under another name, nothing of it loaded yet."""
    package = ModuleType(f"{__name__}.feedparser")
    package.__path__ = feedparser.__path__
    sys.modules[package.__name__] = package
    return package


def _module(name: str) -> Any:
    return import_module(f"{_own.__name__}.{name}")


def part(module: str, name: str) -> Any:
    """What one of the package's modules has under this name."""
    return getattr(_module(module), name)


_own = _package()
_util, _urls = _module("util"), _module("urls")
FeedParserDict: Any = _util.FeedParserDict

ALIASED = frozenset(FeedParserDict.keymap) | {
    "category",
    "enclosures",
    "license",
    "updated",
    "updated_parsed",
}
_get, _contains, _set = dict.get, dict.__contains__, dict.__setitem__


class QuickDict(FeedParserDict):  # type: ignore[misc] # untyped
    """The same answers as FeedParserDict's, without the search where a key has no aliases."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(key, default) if key in ALIASED else _get(self, key, default)

    def __contains__(self, key: object) -> bool:
        found: bool = super().__contains__(key) if key in ALIASED else _contains(self, key)
        return found

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if key in ALIASED else dict.__getitem__(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if key in ALIASED:
            super().__setitem__(key, value)
        else:
            _set(self, key, value)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key in ALIASED:
            return super().setdefault(key, default)
        return dict.setdefault(self, key, default)


# Before the other modules take them from there.
_util.FeedParserDict = QuickDict
_urls.make_safe_absolute_uri = lru_cache(maxsize=256)(_urls.make_safe_absolute_uri)
api = _module("api")
StrictFeedParser, LooseFeedParser = api.StrictFeedParser, api.LooseFeedParser
