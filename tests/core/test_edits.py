from dataclasses import replace

import pytest

from aggregator.core.edits import FEW_EDITS, MOST_EDITS, edits_after, is_significant, raised
from aggregator.core.model import Content, EditedEntry, EntryChanges, RecalledEntry
from tests.builders import NOON, ago, entry, known

BEFORE = "The planet goes around its star in ninety days, as 128 people have read here."
"""A text that the small edits below are made of."""


def is_news(*, title: str = "On planets", text: str = BEFORE) -> bool:
    return is_significant("On planets", BEFORE, Content(title=title, text=text))


@pytest.mark.parametrize(
    "text",
    [
        BEFORE,
        BEFORE.replace("128", "129"),
        BEFORE.replace(" ", "\n  "),
        BEFORE.replace(",", " –"),
        BEFORE.replace("planet", "Planet"),
        BEFORE.replace("ninety", "eighty-eight"),
        BEFORE[:20],
        BEFORE + " Typo mended.",
        "",
    ],
)
def test_a_small_edit_is_no_news(text):
    assert not is_news(text=text)


@pytest.mark.parametrize(
    "text",
    [
        BEFORE + " Update: the measurements of last week show that there are two of them.",
        "Nothing of what stood here yesterday was true, and the author is deeply sorry for it all.",
    ],
)
def test_words_that_were_not_there_are_news(text):
    assert is_news(text=text)


def test_a_dozen_and_a_half_of_ideographs_say_as_much_as_fifty_letters():
    before = "行星绕恒星一周需要九十天。" * 4

    assert not is_significant("", before, Content(text=before + "作者更正了一个错字。"))
    assert is_significant(
        "", before, Content(text=before + "更新：上周的测量表明那里其实有两颗不同的行星。")
    )


@pytest.mark.parametrize(
    ("before", "after", "news"),
    [
        ("First version", "Second version", True),
        ("Rain today", "Sun today", True),
        ("", "A text at last", True),
        ("Rain today, 12 comments", "Rain today, 13 comments", False),
        ("It rained all day in the valley", "It rains all day in the valley", False),
    ],
)
def test_of_a_short_text_a_quarter_is_much(before, after, news):
    assert is_significant("", before, Content(text=after)) is news


def test_another_title_is_news():
    assert is_news(title="On two planets")


@pytest.mark.parametrize("title", ["ON PLANETS", "On  planets!", "“On planets”"])
def test_another_way_to_write_the_title_is_no_news(title):
    assert not is_news(title=title)


def edits(count: int) -> tuple[EntryChanges, list[RecalledEntry]]:
    """Edits that gave each entry another title."""
    before = [known(entry(str(n)), id=n) for n in range(count)]
    made = tuple(
        EditedEntry(id=n, entry=entry(str(n), title="Other"), updated=NOON, edited_at=NOON)
        for n in range(count)
    )
    recalled = [
        RecalledEntry(known=one, title=f"Title {one.id}", text=f"Text {one.id}") for one in before
    ]
    return EntryChanges(edited=made), recalled


def test_significant_edits_come_to_the_top():
    changes, before = edits(2)

    made = raised(changes, before, of=10, now=NOON)

    assert [edit.rank_at for edit in made.edited] == [NOON, NOON]


def test_small_edits_stay_where_they_are():
    changes, before = edits(2)
    unchanged = [replace(one, title="other") for one in before]

    assert raised(changes, unchanged, of=10, now=NOON) == changes


def test_a_document_that_was_rendered_anew_brings_nothing_to_the_top():
    changes, before = edits(9)

    assert raised(changes, before, of=10, now=NOON) == changes


def test_a_document_of_two_has_no_template_to_tell():
    changes, before = edits(2)

    assert raised(changes, before, of=2, now=NOON).edited[0].rank_at == NOON


def test_what_is_edited_again_and_again_does_not_come_to_the_top_each_time():
    changes, before = edits(2)
    once_more = replace(changes.edited[0], edits=FEW_EDITS + 1)

    made = raised(replace(changes, edited=(once_more,)), before, of=10, now=NOON)

    assert made.edited == (once_more,)


def test_each_rest_of_six_hours_forgives_an_edit():
    before = known(entry("1"), edits=5, edited_at=ago(hours=20))

    assert edits_after(before, NOON) == 3


def test_more_edits_than_are_taken_are_refused():
    before = known(entry("1"), edits=MOST_EDITS, edited_at=ago(hours=5))

    assert edits_after(before, NOON) is None
    assert edits_after(replace(before, edited_at=ago(hours=6)), NOON) == MOST_EDITS
