import stat

import pytest

from aggregator.config.checks import polled_address
from aggregator.config.editing import (
    NewSource,
    add_sources,
    new_key,
    new_settings,
    remove_source,
    settings_to_extend,
)
from aggregator.config.load import load
from aggregator.core.errors import ConfigError
from tests.config.test_shipped import SHIPPED

BLOG = NewSource(key="blog", url="https://blog.example/feed", name='The "Blog"', tags=("a", "b"))
BLOCK = """
[sources.blog]
url = "https://blog.example/feed"
name = "The \\"Blog\\""
tags = ["a", "b"]
"""
ONE = '[site]\ntitle = "T"\n\n[sources.one]\nurl = "https://one.example/"\n'

TWO = "two = {url = 'https://two.example/'}"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.toml"


def put(path, text: str):
    path.write_bytes(text.encode())
    return path


def text_of(path) -> str:
    return bytes(path.read_bytes()).decode()


def test_a_source_is_added_behind_the_last_one_and_no_other_byte_changes(path):
    before = text_of(SHIPPED)
    settings = add_sources(put(path, before), {}, [BLOG])
    start, block, end = text_of(path).partition(BLOCK)

    assert (start + end, block) == (before, BLOCK)
    assert start.endswith('tags = ["news", "science"]\nlanguage = "zh"\n')
    assert settings.sources["blog"].name == 'The "Blog"'


@pytest.mark.parametrize(
    "text",
    [
        ONE,
        ONE.rstrip("\n"),
        ONE + "# the end\n",
        "\ufeff" + ONE,
        ONE.replace("\n", "\r\n"),
        ONE + "\n\n\n# About publications\n[publications.p]\nsources = ['one']\n",
        ONE + "# own\n\n[sources.one.headers] # sent\nA = 'b' # c\n# own too\n\n# of others\n",
        ONE + 'tags = [\n  "x", # why\n\n  # more\n]\n\n# tail',
        "# head\n[sources]\n[sources.one]\nurl='https://one.example/'\n[site]\ntitle='T'\n",
        ONE
        + "[site.code_placeholders]\nzh = 'x'\n[sources.two]\nurl = 'https://two.example/'\n#\n",
        "site.title = 'T'\nsources.one.url = 'https://one.example/'\n",
    ],
)
def test_what_is_added_and_removed_leaves_the_file_as_it_was(path, text):
    add_sources(put(path, text), {}, [BLOG])
    added = text_of(path)
    remove_source(path, {}, "blog")

    assert added.count("[sources.blog]") == 1
    assert text_of(path).rstrip("\r\n") == text.rstrip("\r\n")


def test_a_removed_source_takes_its_own_comments_along_and_no_others(path):
    text = (
        ONE
        + "\n# The second\n[sources.two] # two\nurl = 'https://two.example/'\n"
        + "# an option of it\n\n# The rest\n[publications.p]\n"
    )
    remove_source(put(path, text), {}, "two")

    assert text_of(path) == ONE + "\n# The second\n\n# The rest\n[publications.p]\n"


@pytest.mark.parametrize("key", sorted(load(SHIPPED, {}).sources))
def test_every_source_of_the_shipped_file_can_be_removed(path, key):
    put(path, text_of(SHIPPED))
    settings = remove_source(path, {}, key)
    removed = set(text_of(SHIPPED).splitlines()) - set(text_of(path).splitlines())

    assert key not in settings.sources
    assert f"[sources.{key}]" in removed
    assert not [line for line in removed if line.startswith("[") and key not in line]


def test_a_file_that_is_not_there_is_made(path):
    settings = add_sources(path, {}, [BLOG])

    assert text_of(path) == '[site]\ntitle = "Latest updates"\n' + BLOCK
    assert settings.site == new_settings().site


def test_a_file_without_sources_gets_its_first(path):
    put(path, "# Mine\n[site]\ntitle = 'T'")
    settings = settings_to_extend(path, {})
    add_sources(path, {}, [BLOG])

    assert (settings.site.title, dict(settings.sources)) == ("T", {})
    assert text_of(path) == "# Mine\n[site]\ntitle = 'T'\n" + BLOCK
    assert settings_to_extend(path, {}) == load(path, {})


def test_a_file_without_sources_and_with_mistakes_is_refused(path):
    mistakes = refused(path, "[site]\ntitel = 'T'\n", lambda: settings_to_extend(path, {}))

    assert mistakes[0].startswith(f"{path}:")
    assert 'did you mean "title"?' in "".join(mistakes)


def test_a_folder_that_is_not_there_is_said(path):
    with pytest.raises(ConfigError, match="no file can be written there"):
        add_sources(path.parent / "no" / "config.toml", {}, [BLOG])


def test_the_file_keeps_its_mode_and_its_place_behind_a_link(path, tmp_path):
    put(path, ONE).chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    add_sources(link, {}, [BLOG])

    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "[sources.blog]" in text_of(path)


def test_a_dollar_sign_is_no_variable(path):
    source = NewSource(key="a", url="https://a.example/?q=${HOME}$$", name="$5", tags=("$x",))
    read = add_sources(path, {}, [source]).sources["a"]

    assert (read.url, read.name, read.tags) == (source.url, source.name, source.tags)


def refused(path, text: str, change) -> tuple[str, ...]:
    """What is said of a change that does not happen."""
    put(path, text)
    with pytest.raises(ConfigError) as caught:
        change()
    assert text_of(path) == text
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    return caught.value.mistakes


def test_a_change_that_breaks_the_configuration_does_not_happen(path):
    bad = NewSource(key="bad", url="ftp://bad.example/")
    same = NewSource(key="other", url="https://one.example/")
    used = ONE + "[sources.two]\nurl='https://two.example/'\n[publications.p]\nsources=['two']\n"
    for text, change in (
        (ONE, lambda: add_sources(path, {}, [bad])),
        (ONE, lambda: add_sources(path, {}, [same])),
        (used, lambda: remove_source(path, {}, "two")),
    ):
        first, *_, last = refused(path, text, change)
        assert first.startswith(f"{path}:")
        assert last == f"{path}: nothing was written"


@pytest.mark.parametrize(
    "text",
    [
        f"site.title = 'T'\nsources = {{one = {{url = 'https://one.example/'}}, {TWO}}}\n",
        f"site.title = 'T'\n[sources]\none = {{url = 'https://one.example/'}}\n{TWO}\n",
        f"{ONE}[publications.p]\n[sources.one.headers]\nA = 'b'\n[sources]\n{TWO}\n",
    ],
)
def test_what_is_written_in_an_unusual_way_is_left_to_its_owner(path, text):
    mistakes = refused(path, text, lambda: remove_source(path, {}, "one"))

    assert "by hand" in mistakes[0]


def test_the_only_source_stays(path):
    [mistake] = refused(path, ONE, lambda: remove_source(path, {}, "one"))

    assert "the only source" in mistake


@pytest.mark.parametrize("text", ["[site\n", "\udcff"])
def test_a_file_that_cannot_be_read_is_left_alone(path, text):
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(ConfigError, match="nothing was written"):
        add_sources(path, {}, [BLOG])
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("title", "key"),
    [
        ("Python Insider", "python-insider"),
        ("Café — l'été!", "cafe-lete"),
        ("阮一峰的网络日志", "a-example"),
        ("阮一峰 blog の記事一覧とその他", "a-example"),
        ("", "a-example"),
        ("…", "a-example"),
        ("taken", "taken-3"),
        (
            "a long title that goes on and on for very many words",
            "a-long-title-that-goes-on-and-on-for",
        ),
    ],
)
def test_a_key_is_made_from_the_title_else_from_the_host(title, key):
    assert new_key(title, "https://www.a.example/feed", {"taken", "taken-2"}) == key


def test_addresses_are_one_whatever_their_fragment_and_the_case_of_their_host():
    assert polled_address("https://A.example/x#y ") == polled_address("https://a.example/x")
    assert polled_address("https://a.example/x") != polled_address("https://a.example/X")
    assert polled_address("https://a.example:443") == polled_address("https://a.example/")
    assert polled_address("https://a.example:80/") != polled_address("https://a.example/")
