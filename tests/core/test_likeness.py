from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.likeness import NEAR, Told, is_same_story, marks_of, same_words
from tests.alike import CHINESE, ENGLISH, corpus_pairs, merged, own_pairs, told
from tests.builders import NOON

CORPORA = Path(__file__).parents[3] / "shared/corpora"
MISSED = {"mended a word"}
"""What is the same and not told to be: a word in another's place may be another product's name."""


@pytest.mark.parametrize("pair", own_pairs(), ids=lambda pair: pair.kind)
def test_pairs_of_the_labelled_set(pair):
    assert merged(pair) == (pair.same and pair.kind not in MISSED)
    assert merged(replace(pair, one=pair.other, other=pair.one)) == merged(pair)


@pytest.mark.skipif(not CORPORA.is_dir(), reason=f"there is no {CORPORA}")
def test_of_real_texts_none_is_merged_wrongly():
    pairs = [*corpus_pairs(CORPORA, every=12)]
    wrong = [pair for pair in pairs if merged(pair) and not pair.same]
    found = [pair for pair in pairs if merged(pair)]

    assert wrong == []
    assert len(found) > 0.5 * sum(pair.same for pair in pairs)


def test_two_pages_of_one_host_are_two_stories():
    one = told("Winter", ENGLISH)

    assert not is_same_story(one, replace(one, link="https://www.a.example/2"))
    assert is_same_story(one, replace(one, link="https://b.example/2"))
    assert is_same_story(one, replace(one, link=None))


def test_what_is_told_again_later_is_another_story():
    one, other = told("Winter", ENGLISH), told("Winter", ENGLISH, "b.example")

    assert is_same_story(one, replace(other, at=NOON + NEAR))
    assert not is_same_story(one, replace(other, at=NOON + NEAR + timedelta(seconds=1)))
    assert not is_same_story(one, replace(other, at=NOON - NEAR - timedelta(seconds=1)))


MARKS = [
    (
        ENGLISH,
        (3176267670625205625, -6651005271976007268, -9130472580381535800, 6728684892039575776),
    ),
    (
        f"{ENGLISH} be worker",  # of which the last two alone have one of the lowest sums
        (3176267670625205625, -6651005271976007268, -6654825258031413092, -5657600572844726345),
    ),
    (
        CHINESE,
        (-8416048752842659156, -5568428337993875995, -7478166491396763716, 2359676127600877311),
    ),
    (
        f"{ENGLISH} {CHINESE}",
        (3176267670625205625, -6080445234669631229, -7478166491396763716, 2359676127600877311),
    ),
]
"""As they are stored: with others, what is stored would not be found."""


@pytest.mark.parametrize(("text", "marks"), MARKS)
def test_the_marks_of_a_text_are_the_same_on_every_machine(text, marks):
    assert marks_of(told("Winter", text)) == marks


@pytest.mark.parametrize("text", [ENGLISH, CHINESE, f"{ENGLISH} {CHINESE}"])
def test_what_a_text_says_twice_hardly_changes_its_marks(text):
    once, twice = marks_of(told("T", text)), marks_of(told("T", f"{text} {text}"))

    assert len({*once} & {*twice}) > 1


WORDS = st.lists(st.sampled_from(["a", "bc", "def", "冬", "天", "1", "2.5"]), max_size=200).map(
    " ".join
)


@given(WORDS, WORDS)
def test_likeness_knows_no_order_and_an_equal_text_has_equal_marks(one, other):
    a, b = told("T", one), told("T", other, "b.example")

    assert same_words(a, b) == same_words(b, a)
    assert marks_of(a) == marks_of(replace(a, title="another"))
    assert same_words(a, a) == a.is_long == bool(marks_of(a))


@given(st.one_of(st.text(), WORDS, st.from_regex(r"[a-zA-Z0-9.,: ’_\n-]*")))
def test_words_are_the_same_as_text_and_as_bytes(text):
    one = told("T", text)

    assert [word.decode() for word in one.coded] == [*one.words]


@given(st.text(max_size=300))
def test_no_text_is_too_odd(text):
    odd = Told(title=text, text=text * 5, link=None, at=NOON)

    assert is_same_story(odd, odd) == odd.is_long
    assert all(-(2**63) <= mark < 2**63 for mark in marks_of(odd))
