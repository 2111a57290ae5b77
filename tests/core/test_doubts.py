import pytest

from aggregator.core.doubts import doubts
from aggregator.core.rules import parse_rule


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("title ~ (i?)", "a letter i that may be missing"),
        ("title ~ (i?)release", "a letter i that may be missing"),
        ("title ~ .*", "found in every text"),
        ("~ x*", "found in every text"),
        ("title ~ a|", "found in every text"),
        ("title ~ /release/i", "the slashes around it"),
        ("title: ^v[0-9]", 'written "title ~ …"'),
        ("releas.*", 'written "~ …"'),
        ("python*", "a star stands for itself"),
        ("language: english", "written as tags"),
        ("category: a, b", "one category a rule"),
    ],
)
def test_what_looks_wrong_is_told(rule, told):
    [doubt] = doubts(parse_rule(rule))

    assert told in doubt


@pytest.mark.parametrize(
    "rule",
    [
        "release",
        "title ~ ^$",
        "title ~ (?i)x",
        "language: zh",
        "age > 3d",
        "link: /a/",
        "5 * 3 is 15",
    ],
)
def test_what_is_fine_is_not_doubted(rule):
    assert list(doubts(parse_rule(rule))) == []
