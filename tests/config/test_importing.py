from dataclasses import replace
from pathlib import Path

import pytest

from aggregator.config.checks import polled_address
from aggregator.config.editing import add_sources, new_settings
from aggregator.config.importing import plan_import
from aggregator.formats.opml_reading import Listed, read_opml

CORPUS = Path(__file__).parents[3] / "shared/corpora/opml"
NO_OPML = "missingOpml.opml"
FILES = sorted(path for path in CORPUS.rglob("*.opml") if path.name != NO_OPML)


def listed(name: str, url: str | None = None, *tags: str) -> Listed:
    return Listed(name=name, url=url or f"https://{name}.example/feed", tags=tags)


def test_what_stands_in_several_groups_is_one_source_with_all_their_tags():
    plan = plan_import(
        [listed("a", None, "x"), listed("b"), listed("A", "https://A.example/feed", "y", "x")],
        new_settings(),
    )

    assert [(source.key, source.name, source.tags) for source in plan.new] == [
        ("a", None, ("x", "y")),
        ("b", None, ()),
    ]


def test_what_is_a_source_already_is_counted_and_left_as_it_is(tmp_path):
    first = plan_import([listed("a")], new_settings())
    settings = add_sources(tmp_path / "config.toml", {}, first.new)
    again = plan_import(
        [listed("Other", "https://a.example/feed#x"), listed("A!", "https://A.example/feed")],
        settings,
    )

    assert (again.new, again.had) == ((), 1)


def test_names_that_make_one_key_get_keys_of_their_own():
    plan = plan_import([listed("Blog", f"https://{n}.example/") for n in "abc"], new_settings())

    assert [source.key for source in plan.new] == ["blog", "blog-2", "blog-3"]


@pytest.mark.parametrize(
    "url", ["nowhere", "ftp://a.example/", "https://u:p@a.example/", "http://["]
)
def test_an_address_that_cannot_be_polled_is_skipped_with_a_reason(url):
    plan = plan_import([listed("Bad", url), listed("good")], new_settings())

    assert [source.key for source in plan.new] == ["good"]
    assert plan.skipped[0].startswith("Bad: the address must ")
    assert "u:p" not in plan.skipped[0]


@pytest.mark.skipif(not FILES, reason="the corpus of OPML files is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORPUS)))
def test_the_corpus_becomes_a_configuration_without_loss(path, tmp_path):
    read = read_opml(path.read_bytes())
    plan = plan_import(read.listed, new_settings())
    if not plan.new:
        assert not read.listed or plan.skipped
        return
    settings = add_sources(tmp_path / "config.toml", {}, plan.new)
    again = plan_import(read.listed, replace(settings))
    polled = {polled_address(source.url) for source in settings.sources.values()}

    assert plan.skipped == ()
    assert len(polled) == len(plan.new) == again.had
    assert again.new == ()
