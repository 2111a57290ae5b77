import tomllib
from pathlib import Path

import pytest

from aggregator.config.lines import line_of, lines_of

NASTY = Path(__file__).with_name("nasty.toml").read_text(encoding="utf-8")


def places(value, location=()):
    if isinstance(value, dict):
        parts = list(value.items())
    else:
        parts = list(enumerate(value)) if isinstance(value, list) else []
    for part, inner in parts:
        yield (*location, part)
        yield from places(inner, (*location, part))


def test_every_key_and_item_of_a_nasty_file_is_found_and_nothing_else():
    assert set(lines_of(NASTY)) == set(places(tomllib.loads(NASTY)))


def test_every_key_stands_on_the_line_that_is_told():
    written = NASTY.split("\n")
    for location, line in lines_of(NASTY).items():
        if location and isinstance(location[-1], str) and location[-1] not in {"", 'quoted " key'}:
            assert location[-1] in written[line - 1]


@pytest.mark.parametrize(
    ("location", "text"),
    [
        (("one",), "[one]"),
        (("one", "nested", 0), '  "first", # and more ]'),
        (("one", "nested", 1, 2), "    3 ],"),
        (("one", "nested", 2, "deep", "er", 0, "z"), '  { k = "v", deep.er = [ { z = 0 } ] },'),
        (("one", "two words", ""), '"" = "empty key"'),
        (("list", 1, "n"), "n = 2"),
        (("list", 1, "child", "c"), "c = 1"),
        (("list", 1, "more", 1, "m"), "m = 2"),
    ],
)
def test_a_place_is_told_by_its_line(location, text):
    assert NASTY.split("\n")[lines_of(NASTY)[location] - 1] == text


def test_windows_line_ends_count_once():
    assert lines_of("a = 1\r\nb = 2\r\n")[("b",)] == 2


def test_a_section_beats_the_longer_header_before_it():
    assert lines_of("[a.b]\n[a]\n")[("a",)] == 2


def test_a_missing_key_has_the_line_of_its_table():
    lines = lines_of("\n[sources.a]\nurl = 1\n")

    assert line_of(lines, ("sources", "a", "name")) == 2
    assert line_of(lines, ("site",)) == 1


def test_tables_of_toml_1_1_over_several_lines_do_not_stop_the_scanner():
    assert lines_of("t = {\n a = 1,\n b = 2,\n}\nc = 3\n")[("t", "b")] == 3
