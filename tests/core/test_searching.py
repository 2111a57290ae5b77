import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.model import Content, Person
from aggregator.core.searching import (
    BETWEEN_FIELDS,
    LONGEST_FIELD,
    Phrase,
    line_of,
    parse_query,
    search_line,
    together,
    words_of,
)


def finds(search: str, text: str) -> bool:
    return parse_query(search).finds(Content(text=text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The Quick-Brown fox, 2.0", "the quick brown fox 2 0"),
        ("Café CAFE\u0301 Ｃａｆｅ", "cafe cafe cafe"),
        ("Straße Łódź Ørsted œuvre İstanbul", "strasse lodz orsted oeuvre istanbul"),
        ("C++, C#, F# and a+b #tag", "c ++ c # f # and a b tag"),
        ("机器学习", "机器 器学 学习 习"),
        ("我", "我"),
        ("用Python写，三行", "用 python 写 三行 行"),
        ("東京タワー", "東京 京タ タワ ワー ー"),
        ("ｶﾞｲﾄﾞ ガイド", "ガイ イド ド ガイ イド ド"),
        ("한국어를 배워", "한국 국어 어를 를 배워 워"),
        ("हिन्दी में", "हिन्दी में"),
        ("שָׁלוֹם مَرْحَبًا", "שלום مرحبا"),
        ("Привет, Ёлка", "привет елка"),
        ("snake_case \ufffc ok 🎉", "snake case ok 🎉"),
        ("x" * 100, "x" * 64),
        ("Ы" * 100, "ы" * 64),
        ("It’s a “Café” – C++… or\xa0C#", "it s a cafe c ++ or c #"),
        ("Smørrebrød & Œuvre – ŁÓDŹ", "smorrebrod oeuvre lodz"),
        ("\x00 \ud800 \uffff", ""),
    ],
)
def test_a_text_is_found_by_these_words(text, found):
    assert " ".join(words_of(Content(title=text))) == found


def test_a_word_between_them_keeps_the_fields_apart():
    content = Content(
        title="One", text="two", summary="three", authors=(Person(name="Four"),), categories=("5",)
    )

    apart = f" {BETWEEN_FIELDS} "
    assert " ".join(words_of(content)) == apart.join(["one", "two", "three", "four", "5"])
    assert parse_query(BETWEEN_FIELDS).wanted == ()


def test_a_summary_that_is_the_text_once_more_counts_once():
    assert words_of(Content(text="two words", summary="two")) == ["two", "words"]


def test_no_field_counts_beyond_its_beginning():
    assert len(words_of(Content(text="字" * 10**6))) == LONGEST_FIELD


@pytest.mark.parametrize(
    ("word", "left"),
    [
        ("a" * 65, 64),
        ("b" * 64, 64),
        ("c" * 63 + "_d", 63),
        ("e" * 65 + "é", 64),
        ("f" * 65 + "数", 64),
    ],
)
def test_a_long_word_is_cut(word, left):
    first, *others = line_of(Content(text=word)).split(" ")

    assert first == word[:left]
    assert all(len(found) <= 64 for found in others)


texts = st.text(st.characters(exclude_characters="\0"))  # as no XML has it


@given(st.builds(Content, title=texts, text=texts, summary=st.text("az +#.")))
def test_a_line_has_the_words_in_their_order(content):
    assert [word for word in line_of(content).split(" ") if word] == words_of(content)


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ("python", "Learning Python."),
        ("python tutorial", "a tutorial on Python"),
        ("机器学习", "关于机器学习的文章"),
        ("深度", "深度学习"),
        ("学", "深度学习"),
        ("Python 教程", "Python入门教程"),
        ("한국어", "한국어를 배우다"),
        ('"new york"', "in New York, today"),
        ("“new york”", "in New York, today"),
        ("tele*", "a television"),
        ("-java python", "python only"),
        ("-java", "python only"),
        ("node.js", "Node.js 22"),
        ('"learn python', "we learn Python"),
    ],
)
def test_a_query_finds(search, text):
    assert finds(search, text)


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ("python rust", "only python"),
        ("java", "JavaScript"),
        ("学机", "机器学习"),
        ("机习", "机器学习"),
        ('"york new"', "New York"),
        ("-java python", "python and Java"),
        ("-java", "Java"),
        ("", "anything"),
        ("*", "anything"),
        ("tele*", "a hotel"),
        ("te*", "a television"),
    ],
)
def test_a_query_passes_over(search, text):
    assert not finds(search, text)


def test_how_long_a_query_is_has_an_end():
    query = parse_query(" ".join(f"w{n}" for n in range(1000)))

    assert sum(len(phrase.words) for phrase in query.wanted) == 64
    assert parse_query('"' + "a " * 100) == replace(query, wanted=())


def test_of_few_words_only_the_beginning_may_be_given():
    """A database looks at all words that begin so."""
    query = parse_query(" ".join(f"word{n}*" for n in range(9)))

    assert [phrase.open for phrase in query.wanted] == [True] * 4 + [False] * 5


def test_a_field_keeps_one_form_of_what_is_written_into_it():
    assert search_line("  two \n\t words\u202e ") == "two words"
    assert len(search_line("x" * 999)) == 200


@pytest.mark.parametrize(
    ("searches", "written"),
    [
        (("a", "b"), "a b"),
        ((None, "b"), "b"),
        (("", None), None),
        (('"a b', "c"), '"a b" c'),
        (("“a b", "c"), '"a b" c'),
    ],
)
def test_queries_go_together(searches, written):
    assert together(searches) == written


TEXTS = st.text(alphabet=st.sampled_from("abcé 机器学习한국ไทย-*\"'+#🎉.\u0301 "), max_size=20)


@given(st.text())
def test_every_text_is_a_query_and_has_words(text):
    phrases = (*parse_query(text).wanted, *parse_query(text).unwanted)
    said = [word for phrase in phrases for word in phrase.words]

    assert all(phrase.words for phrase in phrases)
    for word in (*said, *words_of(Content(title=text))):  # none breaks the databases' languages
        assert re.fullmatch(r"[0-9a-z+#\u0080-\U0010ffff]+", word)
        assert not any(map(str.isspace, word))


@given(TEXTS, TEXTS, TEXTS)
def test_two_queries_find_what_each_of_them_finds(one, other, text):
    both = together((one, other))
    queries = [parse_query(each) for each in (one, other) if each]

    assert finds(both or "", text) == (
        any(queries) and all(query.finds(Content(text=text)) for query in queries if query)
    )


@given(TEXTS)
def test_a_text_is_found_by_itself_as_a_phrase(text):
    plain = text.replace('"', " ")

    query = parse_query(f'"{plain}"')
    assert query.finds(Content(text=plain)) or not query


@given(st.lists(st.sampled_from(["a", "b", "机器", "学"]), max_size=8), st.booleans())
def test_a_phrase_stands_where_it_says(there, is_open):
    for start in range(len(there)):
        phrase = Phrase(words=tuple(there[start : start + 3]), open=is_open)
        assert phrase.is_in(there)
