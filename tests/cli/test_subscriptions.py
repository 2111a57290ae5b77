"""add, remove, import and export, as a shell runs them."""

import pytest
from lxml import etree
from typer.testing import CliRunner

from aggregator.cli.main import app
from aggregator.config.load import load
from tests.formats.test_opml import opml_findings
from tests.loopback import configuration, loopback, rss

OPML = b"""<opml version="2.0"><head/><body>
<outline text="Science"><outline text="One" xmlUrl="https://one.example/feed"/>
<outline text="Two" xmlUrl="https://two.example/feed" category="space"/></outline>
<outline text="Again" xmlUrl="https://one.example/feed"/>
<outline text="Bad" xmlUrl="nowhere"/><outline text="None" type="rss"/>
</body></opml>"""


@pytest.fixture
def site():
    with loopback(a=rss("a", "one")) as site:
        site.documents |= {
            "/": b'<link rel="alternate" type="application/rss+xml" href="/blog" title="B\x1b[2J">'
            b'<link rel="alternate" type="application/atom+xml" href="/second">',
            "/blog": rss("The Blog", "x", "y"),
            "/empty": b"<html></html>",
        }
        yield site


@pytest.fixture
def path(site, tmp_path):
    path = tmp_path / "config.toml"
    text = configuration(site).partition("[sources")[0]
    path.write_text(f'# Mine\n{text}[sources.a]\nurl = "{site.origin}/a" # the first\n')
    return path


def run(path, *arguments: str, stdin=None):
    return CliRunner().invoke(app, [*arguments, "--config", str(path)], input=stdin)


def test_add_takes_the_first_feed_that_a_page_names_and_shows_all(path, site):
    before = path.read_text()
    ran = run(path, "add", f"{site.origin}/", "--tag", "x", "--tag", "y")
    source = load(path, {}).sources["the-blog"]

    assert ran.exit_code == 0
    assert ran.stdout.splitlines() == [
        f"1. {site.origin}/blog (application/rss+xml) B[2J",
        f"2. {site.origin}/second (application/atom+xml)",
        f"added the-blog: {site.origin}/blog (The Blog, 2 entries)",
    ]
    assert (source.url, source.name, source.tags) == (
        f"{site.origin}/blog",
        "The Blog",
        ("x", "y"),
    )
    assert path.read_text().startswith(before)
    assert not list(path.parent.glob("*.db"))


def test_add_takes_a_feed_and_the_key_that_was_asked_for(path, site):
    ran = run(path, "add", f"{site.origin}/blog", "--key", "mine")

    assert ran.stdout == f"added mine: {site.origin}/blog (The Blog, 2 entries)\n"
    assert list(load(path, {}).sources) == ["a", "mine"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["{}/a#x"], 1, "configured already, as a"),
        (["{}/empty"], 1, "it names no feed"),
        (["{}/missing"], 1, "HTTP 404 Not Found"),
        (["ftp://a.example/"], 2, "must be a web address"),
        (["{}/blog", "--key", "a"], 2, "already"),
        (["{}/blog", "--key", "a b"], 2, "letters, digits"),
        (["{}/blog", "--tag", "a/b"], 2, "must be a tag"),
    ],
)
def test_what_cannot_be_added_is_said_and_changes_nothing(path, site, arguments, status, said):
    before = path.read_text()
    ran = run(path, "add", *(argument.format(site.origin) for argument in arguments))

    assert ran.exit_code == status
    assert said in ran.stderr
    assert ran.stdout == ""
    assert path.read_text() == before


def test_a_page_of_a_source_that_is_configured_adds_nothing_twice(path, site):
    run(path, "add", f"{site.origin}/")
    ran = run(path, "add", f"{site.origin}/")

    assert ran.exit_code == 1
    assert "configured already, as the-blog" in ran.stderr


def test_remove_takes_a_source_out(path, site):
    before = path.read_text()
    run(path, "add", f"{site.origin}/blog")
    ran = run(path, "remove", "the-blog")

    assert (ran.exit_code, ran.stdout) == (0, "removed the-blog\n")
    assert path.read_text() == before


def test_what_cannot_be_removed_is_exit_status_two(path):
    unknown, last = run(path, "remove", "b"), run(path, "remove", "a")

    assert (unknown.exit_code, last.exit_code) == (2, 2)
    assert 'did you mean "a"?' in unknown.stderr or "there is no source" in unknown.stderr
    assert "the only source" in last.stderr


def test_import_adds_what_is_not_there_and_reports_the_rest(path, tmp_path):
    file = tmp_path / "list.opml"
    file.write_bytes(OPML)
    first, second = run(path, "import", str(file)), run(path, "import", str(file))
    sources = load(path, {}).sources

    assert first.stdout == "2 added, 0 there already, 2 skipped\n"
    assert second.stdout == "0 added, 2 there already, 2 skipped\n"
    assert first.exit_code == 1
    assert "skipped: Bad: the address must be a web address" in first.stderr
    assert "skipped: None: no xmlUrl" in first.stderr
    assert {key: (each.name, each.tags) for key, each in sources.items()} == {
        "a": (None, ()),
        "one": ("One", ("Science",)),
        "two": ("Two", ("Science", "space")),
    }
    assert path.read_text().startswith("# Mine\n")


def test_import_makes_a_configuration_where_there_is_none(tmp_path):
    path = tmp_path / "new.toml"
    ran = run(path, "import", "-", stdin=OPML)

    assert ran.stdout == "2 added, 0 there already, 2 skipped\n"
    assert list(load(path, {}).sources) == ["one", "two"]


@pytest.mark.parametrize(("body", "status"), [(None, 2), (b"<html/>", 1)])
def test_a_list_that_cannot_be_read_is_said(path, tmp_path, body, status):
    file = tmp_path / "list.opml"
    if body:
        file.write_bytes(body)
    ran = run(path, "import", str(file))

    assert ran.exit_code == status
    assert str(file) in ran.stderr


def test_a_list_that_is_not_well_formed_is_imported_and_said(path):
    ran = run(
        path, "import", "-", stdin=b'<opml><body><outline text="A & B" xmlUrl="http://b.example/"/>'
    )

    assert ran.stdout == "1 added, 0 there already, 0 skipped\n"
    assert "not well-formed" in ran.stderr
    assert load(path, {}).sources["a-b"].name == "A & B"


def test_an_export_imports_to_the_same_sources(path, tmp_path):
    run(path, "import", "-", stdin=OPML)
    to_stdout = run(path, "export").stdout_bytes
    file = tmp_path / "list.opml"
    ran = run(path, "export", str(file))
    again = tmp_path / "again.toml"
    run(again, "import", str(file))

    assert (ran.exit_code, ran.stdout) == (0, "")
    assert file.read_bytes() == to_stdout
    assert opml_findings(to_stdout) == []
    assert etree.fromstring(to_stdout).findtext("head/title") == "Test"
    assert facts(again) == facts(path)


def facts(path) -> dict[str, tuple[object, ...]]:
    return {k: (s.url, s.name, s.tags) for k, s in load(path, {}).sources.items()}


def test_an_export_that_cannot_be_written_is_said(path, tmp_path):
    ran = run(path, "export", str(tmp_path / "no" / "folder.opml"))

    assert ran.exit_code == 2
    assert "cannot be written" in ran.stderr
