import os
import traceback
from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from aggregator.config.load import load
from aggregator.core.errors import ConfigError

SMALLEST = """
[site]
title = "Planet"
[sources.one]
url = "https://one.example/feed"
"""


def test_a_title_and_one_source_are_a_complete_file(loaded, tmp_path):
    settings = loaded(SMALLEST)

    assert settings.site.url == "http://127.0.0.1:8000/"
    assert (settings.site.page_size, settings.site.excerpt_length) == (12, 350)
    assert settings.site.code_placeholders == (("zh", "[代码]"), ("", "[code]"))
    assert settings.database.url == f"sqlite:///{tmp_path}/aggregator.db"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.server.admin_token is None
    assert settings.fetch.interval == timedelta(hours=1)
    assert settings.fetch.timeout == timedelta(seconds=20)
    assert settings.fetch.max_body == 10_000_000
    assert settings.fetch.concurrency == 64
    assert settings.fetch.per_host_delay == timedelta(seconds=1)
    assert settings.fetch.allow_networks == ()
    assert settings.retention.keep == timedelta(days=90)
    assert settings.retention.keep_per_source == 50
    assert settings.sources["one"].url == "https://one.example/feed"
    assert settings.sources["one"].backfill == 10
    assert settings.publications["latest"].title == "Planet"
    assert settings.publications["latest"].limit == 100
    assert settings.doubts == ()


def test_settings_cannot_be_changed(loaded):
    settings = loaded(SMALLEST)

    with pytest.raises(ValidationError):
        settings.site.title = "Other"
    with pytest.raises(FrozenInstanceError):
        settings.doubts = ("x",)
    with pytest.raises(TypeError):
        settings.sources["two"] = settings.sources["one"]


def test_the_same_file_gives_equal_settings_wherever_its_lines_are(loaded):
    assert loaded(SMALLEST) == loaded("# moved\n" + SMALLEST)
    assert loaded(SMALLEST) != loaded(SMALLEST.replace("Planet", "Other"))


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("sqlite:///a/b.db", "sqlite:///{folder}/a/b.db"),
        ("sqlite:////var/a.db", "sqlite:////var/a.db"),
        ("postgresql://u:p@h/name", "postgresql://u:p@h/name"),
        ("postgres://h/name", "postgresql://h/name"),
    ],
)
def test_a_relative_database_lies_beside_the_file(loaded, tmp_path, written, resolved):
    settings = loaded(f'{SMALLEST}\n[database]\nurl = "{written}"')

    assert settings.database.url == resolved.format(folder=tmp_path)


def test_a_relative_path_to_the_file_makes_an_absolute_database(loaded, tmp_path):
    loaded(SMALLEST)
    settings = load(Path(os.path.relpath(tmp_path / "config.toml")), {})

    database = Path(settings.database.url.removeprefix("sqlite:///"))
    assert database.is_absolute()
    assert database.parent.samefile(tmp_path)


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        ("", 48),
        ("limit = 100", None),
        ('window = "3h"', 3),
        ('limit = 5\nwindow = "7d"', 168),
    ],
)
def test_a_feed_goes_back_two_days_unless_its_limit_alone_is_written(loaded, written, hours):
    settings = loaded(f"{SMALLEST}\n[publications.latest]\n{written}")

    span = settings.publications["latest"].shown_for
    assert span == (hours and timedelta(hours=hours))


def test_a_publication_without_title_bears_its_slug(loaded):
    settings = loaded(f"{SMALLEST}\n[publications.code]\nlimit = 5\n[publications.latest]\nlimit=7")

    assert settings.publications["code"].title == "code"
    assert settings.publications["latest"].title == "Planet"
    assert settings.publications["latest"].limit == 7


def test_a_publication_takes_named_sources_and_those_with_its_tags(loaded):
    settings = loaded("""
[site]
title = "x"
[sources]
a = { url = "https://a.example/", tags = ["one", "two"] }
b = { url = "https://b.example/", tags = ["two"] }
c = { url = "https://c.example/" }
d = { url = "https://d.example/" }
[publications]
tagged = { tags = ["one"] }
both = { tags = ["two"], sources = ["c"] }
""")
    publications = settings.publications

    assert settings.keys_of(publications["latest"]) is None
    assert settings.keys_of(publications["tagged"]) == {"a"}
    assert settings.keys_of(publications["both"]) == {"a", "b", "c"}


def test_auth_may_be_short_or_a_table(loaded):
    short = loaded(SMALLEST + 'auth = "user:pass:word"').sources["one"].auth
    table = (
        loaded(SMALLEST + 'auth = { user = "user", password = "pass:word" }').sources["one"].auth
    )

    assert short == table
    assert (short.user, short.password) == ("user", "pass:word")


def test_values_may_come_from_the_environment(loaded):
    settings = loaded(
        SMALLEST + '[server]\nport = "${PORT}"\nadmin_token = "${TOKEN:-}"', PORT="8080"
    )

    assert settings.server.port == 8080
    assert settings.server.admin_token is None


def test_a_byte_order_mark_is_no_mistake(loaded):
    assert loaded("\ufeff" + SMALLEST).site.title == "Planet"


@pytest.mark.parametrize(
    ("text", "start", "hint"),
    [
        ("[site]\ntitle = x", "config.toml:2: not valid TOML in column 9: ", "quotes around it"),
        ("[site]\n\ntitle", "config.toml:3: not valid TOML", 'write key = "value"'),
        ("[site]\n[site]\n", "config.toml:2: not valid TOML", "a second time"),
        ("a = 1\na = 2", "config.toml:2: not valid TOML", "a second time"),
        ('a = "x\nb = 1', "config.toml:1: not valid TOML", "closing quote"),
        ("a = [1,\n2", "config.toml:2: not valid TOML", "closing bracket"),
        ("a = " + "9" * 5000, "config.toml:1: not valid TOML: a number is too long", ""),
        ("a = " + "[" * 100_000, "config.toml: lists or tables are nested too deeply", "flat"),
    ],
)
def test_a_text_that_is_no_toml_is_one_mistake(mistakes, text, start, hint):
    [told] = mistakes(text)

    assert told.startswith(start)
    assert hint in told


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"[site]\ntitle = '\xe4'\n")

    with pytest.raises(ConfigError, match=r"config.toml:2: not UTF-8; save"):
        load(path, {})


def test_a_missing_file_is_told_with_a_way_to_make_one(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no.toml: there is no such file; make one with \[site\]"
    ):
        load(tmp_path / "no.toml", {})


def test_a_directory_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"this is a directory; name the file in it"):
        load(tmp_path, {})


def test_a_path_through_a_file_is_told(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=r"cannot be read \(Not a directory\)"):
        load(tmp_path / "file" / "config.toml", {})


def test_templates_lie_beside_the_file(loaded, mistakes, tmp_path):
    text = SMALLEST.replace("[site]", '[site]\ntemplates = "looks"')
    assert mistakes(text) == [
        "config.toml:3: site.templates: there is no such folder beside this file"
    ]
    (tmp_path / "looks").mkdir()

    assert loaded(text).site.templates == tmp_path / "looks"
    assert loaded(SMALLEST).site.templates is None


SECRET = "hunter2-hunter2"

SECRETS = """
[site]
title = "x"
[database]
url = "postgresql://user:${SECRET}@host/name"
[server]
admin_token = "${SECRET}"
[sources.one]
url = "https://one.example/feed?key=${SECRET}"
headers = { Authorization = "Bearer ${SECRET}" }
auth = "user:${SECRET}"
proxy = "http://user:${SECRET}@proxy.lan:3128"
"""


def test_no_secret_shows_in_the_settings(loaded):
    settings = loaded(SECRETS, SECRET=SECRET)

    assert SECRET in settings.database.url
    assert settings.server.admin_token == SECRET
    assert SECRET in (settings.sources["one"].proxy or "")
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings.sources["one"].auth)


@pytest.mark.parametrize("bad", [f"{SECRET}\x07", f"{SECRET} ü", f"#{SECRET}", f"a:{SECRET}\n"])
def test_no_value_from_the_environment_shows_in_a_mistake(tmp_path, bad):
    path = tmp_path / "config.toml"
    everywhere = '"${SECRET}"'
    path.write_text(
        SECRETS
        + f"interval = {everywhere}\nbackfill = {everywhere}\nupdates = {everywhere}\n"
        + f"tags = [{everywhere}]\ntimeout = {everywhere}\nlanguage = {everywhere}\n"
        + f"[publications.p]\nsources = [{everywhere}]\ntags = [{everywhere}, 'hunter2-hunter']\n"
        + f"[fetch]\nallow_networks = [{everywhere}]\nmax_body = {everywhere}\n"
    )

    with pytest.raises(ConfigError) as caught:
        load(path, {"SECRET": bad})

    assert len(caught.value.mistakes) > 8
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_secret_in_a_broken_file_does_not_show(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(f'[server]\nadmin_token = "{SECRET}" x\n')

    with pytest.raises(ConfigError) as caught:
        load(path, {})

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_rules_know_where_they_stand_and_what_looks_wrong_with_them(loaded, tmp_path):
    settings = loaded("""[site]
title = "x"
[filters]
exclude = ["title ~ (i?)ads"]
[sources.one]
url = "https://one.example/feed"
include = [
  "category: Python",
  "age < 30d",
]
[publications.p]
exclude = ["releas.*"]
""")

    path = tmp_path / "config.toml"
    assert settings.rule_places == {
        ("filters",): f"{path}:3: filters",
        ("filters", "exclude"): f"{path}:4: filters.exclude",
        ("filters", "exclude", 0): f"{path}:4: filters.exclude[0]",
        ("sources", "one"): f"{path}:5: sources.one",
        ("sources", "one", "include"): f"{path}:7: sources.one.include",
        ("sources", "one", "include", 0): f"{path}:8: sources.one.include[0]",
        ("sources", "one", "include", 1): f"{path}:9: sources.one.include[1]",
        ("publications", "p"): f"{path}:11: publications.p",
        ("publications", "p", "exclude"): f"{path}:12: publications.p.exclude",
        ("publications", "p", "exclude", 0): f"{path}:12: publications.p.exclude[0]",
    }
    assert [doubt.split(": ")[0:2] for doubt in settings.doubts] == [
        [f"{path}:4", "filters.exclude[0]"],
        [f"{path}:12", "publications.p.exclude[0]"],
    ]
