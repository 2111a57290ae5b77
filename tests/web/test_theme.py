"""Templates of the operator's: they replace ours, and ours stand in where they fail."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import aggregator.web
from aggregator.core.publication import Site
from aggregator.web import pages as pages_module
from aggregator.web.listing import Attribution, File, Listed
from aggregator.web.pages import Pages, Place
from aggregator.web.theme import ICON, STYLESHEET, TOUCH_ICON
from aggregator.web.trial import template_faults
from tests.web.fakes import LATEST, PAPERS, SITE, FakePublisher, Reports, shown

PACKAGE = Path(aggregator.web.__file__).parent
MANUAL = (PACKAGE.parent.parent / "docs/templates.md").read_text("utf-8")
PLACE = Place(site=SITE, path="", navigation=(LATEST, PAPERS))

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path) -> Write:
    folder: Path = tmp_path

    def write(name: str, content: str) -> Path:
        (folder / name).write_text(content, encoding="utf-8")
        return folder

    return write


async def page(pages: Pages) -> str:
    return pages.entries(PLACE, await FakePublisher([shown()]).page(LATEST, 1)).decode()


async def test_a_template_of_theirs_replaces_ours_of_that_name(write):
    folder = write("entries.html", "{% for entry in entries %}* {{ entry.title }}{% endfor %}")

    assert await page(Pages(folder)) == "* Entry 1"


async def test_a_template_of_theirs_can_extend_ours(write):
    folder = write(
        "entries.html",
        '{% extends "ours/entries.html" %}{% block about %}<p>Hello</p>{% endblock %}',
    )

    assert "<p>Hello</p>" in await page(Pages(folder))
    assert "Entry 1" in await page(Pages(folder))


async def test_ours_are_built_on_a_base_of_theirs(write):
    folder = write("base.html", "<main>{% block main %}{% endblock %}</main>")

    assert (await page(Pages(folder))).startswith("<main>")


async def test_what_they_print_is_escaped(write):
    folder = write("entries.html", '{{ "<b>" }}')

    assert await page(Pages(folder)) == "&lt;b&gt;"


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ("one\n{% if %}", "entries.html:2: Expected an expression"),
        ("one\n{{ nobody }}", "entries.html:2: UndefinedError: 'nobody' is undefined"),
        ("one\n{{ entries.name.first }}", "entries.html:2: UndefinedError"),
        ("one\n\n{{ 1 / 0 }}", "entries.html:3: ZeroDivisionError"),
        ('{% extends "none.html" %}', "entries.html:1: TemplateNotFound: none.html"),
    ],
)
async def test_a_page_whose_template_fails_is_made_of_ours_and_reported_once(write, broken, fault):
    folder, reports = write("entries.html", broken), Reports()
    pages = Pages(folder, report=reports)

    assert "Entry 1" in await page(pages)
    assert "Entry 1" in await page(pages)
    [(_, error)] = reports.heard
    assert str(error).startswith(f"{folder}/{fault}")


@pytest.mark.parametrize("name", sorted(file.name for file in PACKAGE.glob("templates/*.html")))
def test_every_template_is_tried_before_anybody_asks_for_a_page(write, name):
    ours = (PACKAGE / "templates" / name).read_text("utf-8")
    folder = write(name, ours)
    assert template_faults(folder) == ()
    write(name, ours + ("" if name == "parts.html" else "{{ nobody }}") + "{% if %}")

    [fault] = template_faults(folder)

    assert fault.startswith(f"{folder}/{name}:")


def test_names_that_do_not_exist_are_found_in_every_part_of_a_page(write):
    folder = write(
        "source.html",
        '{% extends "ours/source.html" %}\n{% block about %}{{ source.nam }}{% endblock %}',
    )

    [fault] = template_faults(folder)

    assert fault.startswith(f"{folder}/source.html:2: UndefinedError: ")
    assert fault.endswith("has no attribute 'nam'")


def test_a_file_that_is_no_text_is_reported(tmp_path):
    (tmp_path / "tags.html").write_bytes(b"one\n\xff")

    assert template_faults(tmp_path) == (f"{tmp_path}/tags.html:2: this is not UTF-8",)


def test_a_folder_that_is_gone_is_reported_and_ours_stay(tmp_path):
    [fault] = template_faults(tmp_path / "gone")

    assert "No such file or directory" in fault
    assert Pages(tmp_path / "gone").stylesheet == Pages().stylesheet


async def test_a_changed_file_is_taken_and_changes_the_version(write):
    folder = write("entries.html", "one")
    pages = Pages(folder)
    first = pages.version
    assert not pages.take(folder)

    write("entries.html", "two")

    assert pages.take(folder)
    assert pages.version != first
    assert await page(pages) == "two"


async def test_without_the_folder_ours_are_back(write):
    pages = Pages(write("entries.html", "one"))

    assert pages.take(None)
    assert pages.version == Pages().version
    assert "Entry 1" in await page(pages)


async def test_a_stylesheet_of_theirs_is_fetched_anew(write):
    pages = Pages(write("style.css", "body { color: red }"))

    assert pages.stylesheet == b"body { color: red }"
    assert f"style.css?v={pages.style_version}" in await page(pages)
    assert pages.style_version != Pages().style_version


def named_in(heading: str) -> set[str]:
    """The names in the first column of the table behind a heading's cell."""
    table = MANUAL.split(f"| {heading} |", 1)[1].split("\n\n")[0]
    rows = [line for line in table.splitlines()[2:] if line.startswith("|")]
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_the_manual_has_every_file():
    templates = {file.name for file in (PACKAGE / "templates").iterdir()}

    assert named_in("file") == templates | {STYLESHEET, ICON, TOUCH_ICON}


def test_the_manual_has_every_block():
    texts = "".join(file.read_text("utf-8") for file in PACKAGE.glob("templates/*.html"))

    assert named_in("block") == set(re.findall(r"{% block (\w+)", texts))


def test_the_manual_has_all_that_an_entry_has():
    assert named_in("of an entry") == set(Listed.__dataclass_fields__)
    for part in (Attribution, File):
        assert all(f"`{name}`" in MANUAL for name in part.__dataclass_fields__)


def test_the_manual_has_all_that_a_place_has():
    row = next(line for line in MANUAL.splitlines() if line.startswith("| `place` |"))
    named = {name.partition("(")[0] for name in re.findall(r"`([^`]+)`", row)[1:]}

    public = {name for name in dir(Place) if not name.startswith("_")}
    assert named - {"latest"} == public | set(Place.__dataclass_fields__)
    assert {"title", "noindex"} <= set(Site.__dataclass_fields__)


def test_the_manual_has_every_filter():
    theirs = set(pages_module.FILTERS)

    assert named_in("filter") == theirs
