from dataclasses import replace
from datetime import timedelta

import pytest

from aggregator.core.model import Content, Enclosure, Origin, Person
from aggregator.web.listing import Attribution, direction, headline, listed, pieces
from tests.web.fakes import NOON, shown, source


def only(entry):
    [found] = listed([entry])
    return found


@pytest.mark.parametrize(
    ("title", "excerpt", "expected"),
    [
        ("Given", "text", "Given"),
        ("", "Short enough", "Short enough"),
        ("", "word " * 40, ("word " * 16).strip() + "…"),
        ("", "字" * 200, "字" * 80 + "…"),
        ("", "", "Untitled"),
    ],
)
def test_a_missing_title_is_borrowed_from_the_text(title, excerpt, expected):
    assert headline(title, excerpt) == expected


def test_an_entry_is_attributed_to_its_source():
    entry = only(shown())

    assert (entry.source, entry.via) == (Attribution(name="A Blog", path="sources/blog"), None)


def test_an_entry_of_a_planet_is_attributed_to_the_feed_behind_it():
    origin = Origin(title="Ada", id="urn:ada", link="https://ada.example/")

    entry = only(shown(Content(title="One", origin=origin)))

    assert entry.source == Attribution(name="Ada", url="https://ada.example/")
    assert entry.via == Attribution(name="A Blog", path="sources/blog")


def test_an_origin_leads_nowhere_but_to_web_addresses():
    origin = Origin(title="Ada", id="urn:ada", link="javascript:alert(1)")

    assert only(shown(Content(origin=origin))).source.url is None


@pytest.mark.parametrize(
    ("names", "expected"), [(["A Blog"], []), (["a blog", "Ida"], ["Ida"]), ([], [])]
)
def test_authors_are_named_where_they_are_not_the_source(names, expected):
    people = tuple(Person(name=name) for name in names)

    assert [person.name for person in only(shown(Content(authors=people))).authors] == expected


def test_files_say_what_they_are():
    sound = Enclosure(url="https://e.example/a.mp3", type="audio/mpeg", length=7, duration=61)
    paper = Enclosure(url="https://e.example/a.pdf", length=0)

    files = only(shown(Content(enclosures=(sound, paper)))).files

    assert [(file.kind, file.length, file.duration) for file in files] == [
        ("Audio", 7, 61),
        ("File", None, None),
    ]


def test_the_picture_is_not_offered_as_a_file_once_more():
    picture = Enclosure(url="https://e.example/a.png", type="image/png")

    entry = only(shown(Content(image="https://e.example/a.png", enclosures=(picture,))))

    assert entry.image == "https://e.example/a.png"
    assert entry.files == ()


def test_of_many_categories_the_first_are_shown():
    assert only(shown(Content(categories=tuple("abcdefgh")))).categories == tuple("abcde")


def test_a_change_on_the_same_day_is_not_worth_a_word():
    def changed_after(hours):
        entry = shown()
        later = entry.entry.published + timedelta(hours=hours)
        edited = replace(entry.entry, updated=later, changed_at=later)
        return only(replace(entry, entry=edited)).edited

    assert [changed_after(hours) for hours in (0, 23, 24)] == [False, False, True]


def test_a_source_that_shows_titles_only_shows_no_text():
    assert only(replace(shown(excerpt="Text"), content="title")).summary == ""


def test_an_entry_that_cannot_be_written_harms_no_other():
    bad = shown()
    bad = replace(bad, entry=replace(bad.entry, published=NOON.replace(tzinfo=None)))

    assert len(listed([bad, shown(origin=source("other", "Other"))])) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain", "ltr"),
        ("42. (كيف) Python", "rtl"),
        ("“מה” חדש", "rtl"),
        ("2026", "auto"),
        ("", "auto"),
        ("字", "ltr"),
    ],
)
def test_lines_begin_where_the_first_letter_says(text, expected):
    assert direction(text) == expected


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"so \(a^2\) is", [r"\(a^2\)"]),
        (r"so \[a\] and $$b$$", [r"\[a\]", "$$b$$"]),
        ("将一个$n$维的向量$x_i$转换", ["$n$", "$x_i$"]),
        (r"\begin{align*}x&=1\end{align*}.", [r"\begin{align*}x&=1\end{align*}"]),
        ("it costs $5, not $6", []),
        ("from $5-$10 a month", []),
        (r"cut off in \(a^", []),
        ("no formula", []),
        ("", []),
    ],
)
def test_formulas_are_found_in_text(text, found):
    parts = list(pieces(text))

    assert [piece for kind, piece in parts if kind == "formula"] == found
    assert "".join(piece for _, piece in parts) == text


def test_what_stands_for_code_is_told_from_words():
    text = "See [代码] and a[0] and [code]"

    parts = list(pieces(text, [("zh", "[代码]"), ("de", ""), ("", "[code]")]))

    assert parts == [
        ("words", "See "),
        ("code", "[代码]"),
        ("words", " and a[0] and "),
        ("code", "[code]"),
    ]
