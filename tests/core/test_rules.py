"""The language of rules: what is read, what it matches, and what is no rule."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.model import Content, Person
from aggregator.core.rules import FIELDS, parse_rule

ENTRY = Content(
    title="Python 3.15 Released",
    link="https://www.example.org/blog/2026/python-315",
    authors=(Person(name="Ada Lovelace", email="ada@example.org"),),
    language="en-GB",
    summary="In short",
    text="The new   version brings naïve things.",
    categories=("Python", "Release notes"),
)
CHINESE = Content(
    title="新版本发布", text="Ｐｙｔｈｏｎ３ 的新闻", language="zh-CN", categories=("编程",)
)


def matches(rule: str, content: Content = ENTRY, *, days: float = 1) -> bool:
    return parse_rule(rule).matches(content, timedelta(days=days))


def mistake(rule: str) -> str:
    with pytest.raises(ValueError, match=r".") as told:
        parse_rule(rule)
    return str(told.value)


@pytest.mark.parametrize(
    "rule",
    [
        "release",
        "PYTHON 3.15",
        "new version",
        "in short",
        "NAI\u0308VE",
        "title: released",
        "title:released",
        "Title : released",
        "title：released",
        "content: new version",
        "text: short",
        "author: ada",
        "author: @example.org",
        "category: python",
        "category: release notes",
        "link: /blog/",
        "language: en",
        "language: EN-gb",
        "title ~ ^python [0-9.]+",
        "title ~ (?-i)^Python",
        "category ~ ^rel",
        "~ brings .*things",
        "age > 12h",
        "age<30d",
        "age >= 12h",
        "not title: java",
        "not age > 2d",
        "not language: zh",
    ],
)
def test_a_rule_matches_what_it_says(rule):
    assert matches(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "java",
        "title: version",
        "content: released",
        "author: grace",
        "category: pyth",
        "category: notes",
        "link: /news/",
        "language: e",
        "language: en-US",
        "title ~ (?-i)^python",
        "title ~ ^released",
        "age > 2d",
        "age < 12h",
        "not title: python",
        "not a bug",
    ],
)
def test_a_rule_matches_nothing_else(rule):
    assert not matches(rule)


@pytest.mark.parametrize(
    "rule", ["发布", "title: 版本", "python3", "language: zh", "category: 编程"]
)
def test_chinese_needs_no_spaces_and_width_does_not_matter(rule):
    assert matches(rule, CHINESE)


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_an_entry_without_anything_matches_no_words(field):
    assert not matches(f"{field}: x", Content())
    assert matches(f"not {field}: x", Content())


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("Re: the plan", "Re: the plan"),
        ("C++: a tour", "about C++: a tour"),
        ("not a bug", "This is not a bug"),
        ("age of reason", "The Age of Reason"),
        ("text: title: x", "a title: x"),
        ("a > b", "if a > b"),
    ],
)
def test_what_names_no_field_is_just_words(rule, words):
    assert matches(rule, Content(title=words))


def test_an_age_is_over_when_the_time_is_exactly_reached():
    assert not matches("age > 3d", days=3)
    assert matches("age < 3d", days=3)


@pytest.mark.parametrize(
    ("rule", "remedy"),
    [
        ("titel: x", 'did you mean "title: …"'),
        ("categroy ~ x", 'did you mean "category ~ …"'),
        ("tag: x", 'did you mean "category: …"'),
        ("not url: x", 'did you mean "link: …"'),
        ("date: 3d", 'did you mean "age > 30d"'),
        ("title = x", '"title: words" or "title ~ pattern"'),
        ("language != zh", '"language: words"'),
        ("title > 3d", '"title: words"'),
        ("title:", "what to look for"),
        ("language: en, de", "one language tag"),
        ("age: 3d", '"age > 30d"'),
        ("age > soon", '"age > 30d"'),
        ("age > 99999999d", '"age > 30d"'),
        ("~", "1 to 1000 characters"),
        ("title ~ (", "missing )"),
        ("title ~ a(?=b)", "no look-around"),
        (r"title ~ (a)\1", "no back-references"),
        ("title ~ " + "x" * 1001, "at most 1000"),
        ("   ", "must not be empty"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(rule, remedy):
    assert remedy in mistake(rule)


@pytest.mark.parametrize("rule", ["title ~ s3cr3t(", "titel: s3cr3t", r"title ~ s3cr3t\9"])
def test_a_mistake_repeats_nothing_of_the_rule(rule):
    assert "s3cr3t" not in mistake(rule)


SIGNS = st.sampled_from(
    ["", ":", "~", ">", "<", "=", "：", " : ", " ~ ", "not ", "(", "\\", "[", "\x00"]
)
RULES = st.lists(st.one_of(SIGNS, st.sampled_from([*FIELDS, "age", "tag"]), st.text()))


@given(RULES)
def test_no_text_is_more_than_a_mistake(parts):
    try:
        rule = parse_rule("".join(parts))
    except ValueError:
        return
    assert rule.matches(ENTRY, timedelta()) in {True, False}


@given(st.text(min_size=1).filter(str.strip))
def test_words_match_the_text_that_they_are(text):
    assert matches(f"text: x{text}", Content(title=f"x{text.upper()}")) or text.upper() != text


@pytest.mark.parametrize("nasty", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "(x+x+)+y", "((a*)*)*b"])
def test_no_pattern_takes_longer_than_its_text(nasty):
    # A backtracking engine needs 2 to the power of the text's length here: for ever.
    assert not matches(f"title ~ {nasty}", Content(title="a" * 50_000 + "x" * 50_000 + "!"))
