"""Suites with an expected model as JSON beside each feed: gofeed, feed-rs, podcastparser."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.conformance_cases import Case, Check, How

_Model = Mapping[str, Any]
_Row = tuple[str, str, How]

_GOFEED_HEAD: Sequence[_Row] = (
    ("title", "title", "line"),
    ("subtitle", "subtitle", "line"),
    ("description", "subtitle", "line"),
    ("rights", "rights", "line"),
    ("copyright", "rights", "line"),
    ("link", "link", "url"),
    ("id", "id", "exact"),
    ("language", "language", "language"),
    ("updatedParsed", "updated", "time"),
    ("lastBuildDateParsed", "updated", "time"),
    ("managingEditor", "author", "person"),
    ("webMaster", "(webMaster)", "exact"),
    ("contributors", "(contributors)", "exact"),
    ("generator", "(generator)", "exact"),
    ("categories", "(categories)", "exact"),
    ("rating", "(rating)", "exact"),
    ("cloud", "(cloud)", "exact"),
    ("textInput", "(textInput)", "exact"),
    ("feedLink", "(self)", "exact"),
)
_GOFEED_ENTRY: Sequence[_Row] = (
    ("title", "title", "line"),
    ("summary", "body", "body"),
    ("description", "body", "body"),
    ("link", "link", "url"),
    ("id", "id", "exact"),
    ("publishedParsed", "date", "time"),
    ("pubDateParsed", "published", "time"),
    ("updatedParsed", "updated", "time"),
    ("author", "author", "person"),
    ("rights", "(rights)", "exact"),
    ("contributors", "(contributors)", "exact"),
    ("source", "(source)", "exact"),
    ("comments", "(comments)", "exact"),
)


def gofeed_cases(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "gofeed").rglob("*.xml")):
        beside = path.with_suffix(".json")
        checks: list[Check] = []
        entries = None
        if beside.is_file():
            model = json.loads(beside.read_text("utf-8"))
            items = model.get("items") or model.get("entries") or []
            checks = [*_gofeed(model, _GOFEED_HEAD, None), *_logo(model)]
            for n, item in enumerate(items):
                checks += _gofeed(item, _GOFEED_ENTRY, n)
            entries = len(items)
        yield Case(
            suite="gofeed",
            path=str(path.relative_to(folder)),
            checks=checks,
            entries=entries,
            may_be_refused=not checks and not entries,
        )


def _gofeed(model: _Model, rows: Sequence[_Row], entry: int | None) -> Iterator[Check]:
    scope = "feed" if entry is None else "entry"
    for name, field, how in rows:
        value = model.get(name)
        if value and not (how == "person" and isinstance(value, dict)):
            yield Check(f"{scope}.{field}", how, value, entry)
    yield from _people(scope, model.get("authors") or [], entry)
    yield from _links(scope, model.get("links") or [], entry)
    if entry is not None:
        yield from _gofeed_of_entries(model, entry)


def _people(scope: str, people: Sequence[_Model], entry: int | None) -> Iterator[Check]:
    ways: Mapping[str, How] = {"name": "line", "email": "exact", "uri": "url"}
    for n, person in enumerate(people):
        for name, how in ways.items():
            if person.get(name):
                yield Check(f"{scope}.authors.{n}.{name}", how, person[name], entry)


def _links(scope: str, links: Sequence[Any], entry: int | None) -> Iterator[Check]:
    """Of all links the one that leads to the page; enclosures are in a list of their own."""
    for link in links:
        if isinstance(link, str):
            if scope == "entry" and link == links[0]:
                yield Check("entry.link", "url", link, entry)
            continue
        rel = link.get("rel") or "alternate"
        if rel == "alternate" and link.get("href"):
            yield Check(f"{scope}.link", "url", link["href"], entry)
        else:
            yield Check(f"{scope}.(links {rel})", "exact", link, entry)


def _gofeed_of_entries(model: _Model, entry: int) -> Iterator[Check]:
    guid, content, image = model.get("guid"), model.get("content"), model.get("image")
    if guid:
        own = guid["value"] if isinstance(guid, dict) else guid
        yield Check("entry.id", "exact", own, entry)
    if body := content.get("value") if isinstance(content, dict) else content:
        yield Check("entry.body", "body", body, entry)
    if image and image.get("url"):
        yield Check("entry.image", "url", image["url"], entry)
    for category in model.get("categories") or []:
        yield Check("entry.categories", "one of", _category(category), entry)
    for n, file in enumerate(model.get("enclosures") or []):
        yield from _enclosure(n, file["url"], file.get("type"), file.get("length"), entry)


def _category(category: Any) -> str:
    if isinstance(category, str):
        return category
    return str(category.get("value") or category.get("label") or category.get("term"))


def _enclosure(n: int, url: str, kind: object, length: object, entry: int) -> Iterator[Check]:
    yield Check(f"entry.enclosures.{n}.url", "url", url, entry)
    if kind:
        yield Check(f"entry.enclosures.{n}.type", "exact", kind, entry)
    if length:
        yield Check(f"entry.enclosures.{n}.length", "exact", int(str(length)), entry)


def _logo(model: _Model) -> Iterator[Check]:
    """We keep one picture of a feed."""
    urls = [model.get("icon"), model.get("logo"), (model.get("image") or {}).get("url")]
    if any(urls):
        yield Check("feed.icon", "among", [url for url in urls if url])


def feed_rs_cases(folder: Path) -> Iterator[Case]:
    for beside in sorted((folder / "feed-rs").rglob("*.serde.json")):
        model = json.loads(beside.read_text("utf-8"))
        stem = beside.name.removesuffix(".serde.json")
        path = next(
            p for p in (beside.with_name(f"{stem}{e}") for e in (".xml", ".json")) if p.is_file()
        )
        document = path.read_text("utf-8", "replace")
        checks = list(_feed_rs(model, document, None))
        for n, entry in enumerate(model["entries"]):
            checks += _feed_rs(entry, document, n)
        yield Case(
            suite="feed-rs",
            path=str(path.relative_to(folder)),
            checks=checks,
            entries=len(model["entries"]),
        )


def _feed_rs(model: _Model, document: str, entry: int | None) -> Iterator[Check]:
    scope = "feed" if entry is None else "entry"

    def check(field: str, how: How, value: object) -> Iterator[Check]:
        if value:
            yield Check(f"{scope}.{field}", how, value, entry)

    def text(name: str) -> str:
        return (model.get(name) or {}).get("content") or ""

    if f">{model['id']}<" in document.replace("\n", ""):  # else it is made by feed-rs
        yield from check("id", "exact", model["id"])
    yield from check("title", "line", text("title"))
    yield from check("language", "language", model["language"])
    for person in model["authors"]:
        # An RSS author is whole in `email`, under the name of its element.
        is_rss = person["name"] in {"author", "managingEditor"} and person["email"]
        yield from check("author", "person", person["email"] if is_rss else None)
        yield from check("names", "one of", None if is_rss else person["name"])
    yield from _links(scope, [link for link in model["links"] if link["rel"]], entry)
    if entry is None:
        yield from check("subtitle", "line", text("description"))
        yield from check("rights", "line", text("rights"))
        yield from check("updated", "time", model["updated"])
        pictures = [model[name]["uri"] for name in ("icon", "logo") if model[name]]
        yield from check("icon", "among", pictures)
        return
    yield from check("body", "body", text("summary"))
    yield from check("body", "body", (model["content"] or {}).get("body"))
    yield from check("date", "time", model["published"] or model["updated"])
    for category in model["categories"]:
        yield from check("categories", "one of", category["label"] or category["term"])
    yield from check("(media)", "exact", model["media"])
    yield from check("(contributors)", "exact", model["contributors"])


def podcastparser_cases(folder: Path) -> Iterator[Case]:
    for path in sorted((folder / "podcastparser").rglob("*.rss")):
        model = json.loads(path.with_suffix(".json").read_text("utf-8"))
        document = path.read_text("utf-8", "replace")
        episodes = model["episodes"]
        checks = [*_podcast(model, document)]
        if len(episodes) == document.count("<item>") + document.count("<entry>"):
            # It sorts them by date, and leaves out what has nothing to play.
            for n, episode in enumerate(episodes if len(episodes) == 1 else []):
                checks += _episode(episode, document, n)
        yield Case(
            suite="podcastparser",
            path=str(path.relative_to(folder)),
            checks=checks,
            url="file://tests/data/",
        )


def _podcast(model: _Model, document: str) -> Iterator[Check]:
    rows: Sequence[_Row] = (
        ("title", "title", "line"),
        ("description", "subtitle", "line"),
        ("link", "link", "url"),
        ("language", "language", "language"),
        ("cover_url", "icon", "url"),
        ("itunes_author", "author", "person"),
    )
    for name, field, how in rows:
        value = model.get(name)
        if value and (name != "title" or f">{value}<" in document):  # else a file's name
            yield Check(f"feed.{field}", how, value)
    for name in sorted(set(model) - {row[0] for row in rows} - {"episodes"}):
        yield Check(f"feed.({name})", "exact", model[name])


def _episode(episode: _Model, document: str, n: int) -> Iterator[Check]:
    if f">{episode['title']}<" in document:
        yield Check("entry.title", "line", episode["title"], n)
    yield Check("entry.date", "time", episode["published"], n)
    rows: Sequence[_Row] = (
        ("link", "link", "url"),
        ("episode_art_url", "image", "url"),
        ("itunes_author", "author", "person"),
        ("description", "body", "body"),
        ("description_html", "body", "body"),
    )
    for name, field, how in rows:
        if value := episode.get(name):
            yield Check(f"entry.{field}", how, value, n)
    if f">{episode['guid']}</guid>" in document:
        yield Check("entry.id", "exact", episode["guid"], n)
    for number, file in enumerate(episode["enclosures"]):
        kind = file["mime_type"] if file["mime_type"] in document else None
        length = file["file_size"] if file["file_size"] > 0 else None
        yield from _enclosure(number, file["url"], kind, length, n)
    known = {row[0] for row in rows} | {"title", "published", "guid", "enclosures"}
    for name in sorted(set(episode) - known):
        if episode[name]:
            yield Check(f"entry.({name})", "exact", episode[name], n)
