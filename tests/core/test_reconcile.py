from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.edits import MOST_EDITS
from aggregator.core.knowledge import Knowledge
from aggregator.core.model import Entry, EntryChanges, KnownEntry, RecalledEntry
from aggregator.core.normalize import normalize
from aggregator.core.reconcile import Intake, reconcile
from aggregator.core.renaming import by_text
from tests.builders import NOON, ago, entry, known, read_entry


def changes(
    *entries: Entry,
    held: tuple[KnownEntry, ...] = (),
    tombstones: frozenset[bytes] = frozenset(),
    first: bool = False,
    by_text: dict[bytes, KnownEntry] | None = None,
    oldest: datetime | None = None,
    now: datetime = NOON,
    **intake,
) -> EntryChanges:
    knowledge = Knowledge(
        by_digest={item.digest: item for item in held},
        by_link={item.link_digest: item for item in held if item.link_digest},
        tombstones=tombstones,
        by_text=by_text or {},
        oldest=oldest,
    )
    return reconcile(entries, knowledge, Intake(**intake), first=first, now=now)


def titles(made: EntryChanges) -> list[str]:
    return [new.entry.content.title for new in made.new]


def test_the_first_document_ranks_by_its_own_dates():
    made = changes(
        entry("new", published=ago(days=1)), entry("old", published=ago(days=9)), first=True
    )

    assert titles(made) == ["Title old", "Title new"]
    assert [new.rank_at for new in made.new] == [ago(days=9), ago(days=1)]


def test_backfill_takes_the_newest_by_date_and_remembers_what_it_left_out():
    items = [entry(str(day), published=ago(days=day)) for day in (5, 1, 3, 2, 4)]

    made = changes(*items, first=True, backfill=2)

    assert titles(made) == ["Title 2", "Title 1"]
    assert set(made.left_out) == {items[i].digest for i in (0, 2, 4)}


def test_backfill_by_age_takes_what_is_young_enough():
    items = [entry(str(day), published=ago(days=day)) for day in (1, 6, 8)]

    made = changes(*items, first=True, backfill=timedelta(days=7))

    assert titles(made) == ["Title 6", "Title 1"]
    assert made.left_out == (items[2].digest,)


def test_backfill_none_brings_nothing_and_all_brings_everything():
    items = [entry(str(day), published=ago(days=day)) for day in range(30)]

    assert changes(*items, first=True, backfill=0).new == ()
    assert len(changes(*items, first=True, backfill=None).new) == 30


def test_what_was_left_out_never_returns_as_new():
    item = entry("1")

    assert changes(item, tombstones=frozenset({item.digest})).empty


def test_undated_entries_keep_the_order_of_the_document():
    made = changes(entry("newest"), entry("middle"), entry("oldest"), first=True, backfill=2)

    assert titles(made) == ["Title middle", "Title newest"]


def test_a_later_entry_ranks_by_when_it_was_seen_even_if_back_dated():
    made = changes(entry("1", published=ago(days=300)))

    assert made.new[0].rank_at == NOON
    assert made.new[0].published == ago(days=300)


def grown(*days: int) -> list[Entry]:
    return [entry(str(day), published=ago(days=day)) for day in days]


@pytest.mark.parametrize("backfill", [0, 4, timedelta(days=1), None])
def test_a_document_that_goes_further_back_than_before_brings_no_news_and_loses_nothing(backfill):
    made = changes(*grown(0, 4, 5, 6, 7, 8), oldest=ago(days=2), backfill=backfill)

    assert [new.rank_at for new in made.new] == [*(ago(days=day) for day in (8, 7, 6, 5, 4)), NOON]
    assert made.left_out == ()


def test_a_few_old_entries_are_what_somebody_wrote_up_later():
    made = changes(*grown(4, 5, 6, 7), oldest=ago(days=2), backfill=None)

    assert {NOON - new.rank_at < timedelta(seconds=1) for new in made.new} == {True}


def test_many_that_are_newer_than_something_that_we_hold_are_news():
    made = changes(*grown(4, 5, 6, 7, 8), oldest=ago(days=9), backfill=None)

    assert {NOON - new.rank_at < timedelta(seconds=1) for new in made.new} == {True}


@pytest.mark.parametrize(
    "date",
    [
        NOON + timedelta(days=3),
        datetime(9999, 12, 31, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        None,
    ],
)
def test_a_date_that_cannot_be_is_the_time_of_first_sight(date):
    new = changes(entry("1", published=date, updated=date)).new[0]

    assert (new.published, new.updated, new.first_seen) == (NOON, NOON, NOON)


def test_the_moment_of_the_poll_on_all_entries_says_nothing():
    stamped = [entry(str(n), published=ago(minutes=3), updated=ago(days=n)) for n in range(1, 6)]

    published = {new.published for new in changes(*stamped, first=True).new}

    assert published == {ago(days=n) for n in range(1, 6)}
    assert changes(*stamped[:4]).new[0].published == ago(minutes=3)


@pytest.mark.parametrize("moved", [ago(days=30), ago(minutes=1), NOON + timedelta(days=9), None])
def test_a_date_never_moves_once_the_entry_is_known(moved: datetime | None):
    before = known(entry("1", published=ago(days=5), updated=ago(days=5)), id=7)

    again = changes(entry("1", published=moved, updated=moved), held=(before,))
    edited = changes(entry("1", title="Edited", published=moved, updated=moved), held=(before,))

    assert again.empty
    assert [edit.rank_at for edit in edited.edited] == [None]
    assert not hasattr(edited.edited[0], "published")
    assert ago(days=5) <= edited.edited[0].updated <= before.first_seen


def test_an_edit_changes_an_entry_where_it_stands():
    before = known(entry("1", updated=ago(days=2)), id=7)

    made = changes(entry("1", title="Edited", updated=ago(days=1)), held=(before,))

    assert [(edit.id, edit.updated, edit.rank_at) for edit in made.edited] == [
        (7, ago(days=1), None)
    ]
    assert made.new == ()


def test_no_edit_is_dated_later_than_the_first_sight():
    before = known(entry("1", updated=ago(days=2)), first_seen=ago(hours=1))
    edited = entry("1", title="x", updated=ago(minutes=5))

    assert changes(edited, held=(before,)).edited[0].updated == ago(hours=1)


def test_an_edit_without_a_later_date_keeps_the_old_one():
    before = known(entry("1", updated=ago(days=2)))

    assert changes(entry("1", title="x"), held=(before,)).edited[0].updated == ago(days=2)


def test_a_new_date_alone_is_no_edit():
    before = known(entry("1", updated=ago(days=2)))

    assert changes(entry("1", updated=ago(hours=1)), held=(before,)).empty


def test_a_source_may_have_its_edits_ignored():
    before = known(entry("1"))
    edited = entry("1", title="x")

    assert changes(edited, held=(before,), updates="ignore").empty


def moved(count: int) -> tuple[list[Entry], tuple[KnownEntry, ...]]:
    """Entries that are known under other guids."""
    old = [entry(str(n), guid=f"old-{n}", published=ago(days=n + 1)) for n in range(count)]
    new = [entry(str(n), guid=f"new-{n}", published=ago(days=n + 1)) for n in range(count)]
    return new, tuple(known(item, id=n) for n, item in enumerate(old))


def test_a_source_that_changes_all_guids_brings_nothing_new():
    new, held = moved(4)

    made = changes(*new, held=held)

    assert made.new == ()
    assert [(id, item.guid) for id, item in made.migrated] == [(n, f"new-{n}") for n in range(4)]


def test_after_a_change_of_guids_only_what_is_newer_is_new():
    new, held = moved(4)
    young = entry("young", published=ago(minutes=1))
    old = entry("left-out-once", published=ago(days=50))

    made = changes(young, *new, old, held=held)

    assert titles(made) == ["Title young"]
    assert made.left_out == (old.digest,)


def test_without_dates_what_stands_above_the_known_entries_is_new():
    new, held = moved(4)
    young, old = entry("young"), entry("left-out-once")

    made = changes(young, *new, old, held=held)

    assert titles(made) == ["Title young"]
    assert made.left_out == (old.digest,)


def test_an_entry_with_only_an_update_date_can_be_news():
    new, held = moved(4)

    made = changes(*new, entry("young", updated=ago(minutes=1)), held=held)

    assert titles(made) == ["Title young"]


def test_what_was_edited_while_its_guid_changed_is_edited_at_once():
    new, held = moved(4)
    edited = entry("0", guid="new-0", title="Edited", published=ago(days=1))

    made = changes(edited, *new[1:], held=held)

    assert [edit.id for edit in made.edited] == [0]
    assert len(made.migrated) == 4


def same_guid(*names: str) -> list[Entry]:
    return list(normalize([read_entry(name, guid="same") for name in names]))


def test_an_entry_stays_itself_when_another_one_comes_with_its_guid():
    (one,) = same_guid("1")
    both = same_guid("2", "1")

    made = changes(*both, held=(known(one, id=1),))

    assert titles(made) == ["Title 2"]
    assert made.edited == ()


def test_an_entry_stays_itself_when_the_other_one_with_its_guid_is_gone():
    (one,) = same_guid("1")
    two = same_guid("2", "1")[0]
    held = (known(one, id=1), known(two, id=2))

    assert changes(*same_guid("2"), held=held).empty


def test_two_known_links_with_new_guids_and_texts_are_new_entries():
    _, held = moved(2)
    new = [entry(str(n), guid=f"new-{n}", title="Another", published=NOON) for n in range(2)]

    made = changes(*new, held=held)

    assert len(made.new) == 2
    assert made.migrated == ()


def test_a_known_link_with_its_known_date_is_the_known_entry_under_a_new_guid():
    date = ago(days=1, minutes=7)
    before = known(entry("1", guid="old", published=date), id=7)
    after = entry("1", guid="new", title="Edited meanwhile", published=date)

    made = changes(after, held=(before,))

    assert made.new == ()
    assert made.migrated == ((7, after),)
    assert [edit.id for edit in made.edited] == [7]


def test_a_known_link_with_its_known_content_is_the_known_entry_where_there_is_no_date():
    before = known(entry("1", guid="old"), id=7)

    assert changes(entry("1", guid="new"), held=(before,)).migrated[0][0] == 7


def test_a_bare_day_is_no_proof_that_two_entries_are_one():
    day = ago(days=1, hours=12)
    before = known(entry("1", guid="old", published=day))
    after = entry("1", guid="new", title="The second of that day", published=day)

    assert titles(changes(after, held=(before,))) == ["The second of that day"]


def test_the_same_page_with_another_date_is_another_entry():
    """A forecast: one page, a guid for each day."""
    before = known(entry("1", guid="monday", published=ago(days=2, minutes=1)))
    after = entry("1", guid="tuesday", published=ago(days=1, minutes=1))

    assert len(changes(after, held=(before,)).new) == 1


def test_what_the_document_lists_beside_it_is_not_the_known_entry():
    date = ago(days=1, minutes=7)
    old = entry("1", guid="old", published=date)
    pair = normalize(
        [read_entry("1", guid="old", published=date), read_entry("1", guid="new", published=date)]
    )

    made = changes(*pair, held=(known(old),))

    assert [new.entry.guid for new in made.new] == ["new"]
    assert made.migrated == ()


FORMS = [
    "http://a.example/1",
    "https://a.example/1/",
    "https://www.a.example/1",
    "http://www.A.example/1",
    "https://a.example:443/1",
]


@pytest.mark.parametrize("form", FORMS)
def test_a_guid_in_another_form_is_the_same(form):
    before = known(entry("1", guid="https://a.example/1", link=None), id=7)
    after = entry("1", guid=form, link=None)

    made = changes(after, held=(before,))

    assert (made.new, made.migrated) == ((), ((7, after),))


@pytest.mark.parametrize(
    "other", ["https://a.example/2", "https://b.example/1", "https://a.example/1?p=2", "urn:x:1"]
)
def test_another_guid_is_another_entry(other):
    before = known(entry("1", guid="https://a.example/1", link=None))

    assert len(changes(entry("1", guid=other, link=None, title="x"), held=(before,)).new) == 1


def test_guids_that_a_document_lists_side_by_side_are_never_merged():
    one, two = (
        read_entry("1", guid="http://a.example/1", link=None),
        read_entry("2", guid="https://a.example/1", link=None),
    )
    (first,) = normalize([one])

    made = changes(*normalize([two, one]), held=(known(first, id=1),))

    assert titles(made) == ["Title 2"]
    assert (made.edited, made.migrated) == ((), ())


def test_one_of_many_with_a_guid_is_not_the_one_that_bore_another_form_of_it_alone():
    one, two = normalize([read_entry(name, guid="https://a.example/") for name in "12"])
    alone = entry("9", guid="http://a.example/")

    made = changes(one, two, held=(known(one, id=1), known(alone, id=9)))

    assert titles(made) == ["Title 2"]
    assert made.migrated == ()


def test_three_forms_of_one_guid_are_three_entries_of_their_document():
    forms = ("http://a.example/1", "https://www.a.example/1", "https://a.example/1/")
    entries = normalize([read_entry(form, guid=form, link=None) for form in forms])

    assert len(changes(*entries, held=()).new) == 3


@pytest.mark.parametrize("form", FORMS)
def test_what_was_deleted_does_not_return_in_another_form(form):
    gone = entry("1", guid="https://a.example/1")

    assert changes(entry("1", guid=form), tombstones=frozenset({gone.digest})).empty


def texts(*held: KnownEntry, titles: tuple[str, ...]) -> dict[bytes, KnownEntry]:
    return by_text(
        [
            RecalledEntry(known=one, title=f"Title {title}", text=f"Text {title}")
            for one, title in zip(held, titles, strict=True)
        ]
    )


def renamed_site(count: int, known_count: int) -> tuple[list[Entry], dict[bytes, KnownEntry]]:
    """Entries with the texts of known ones, and nothing else of them."""
    names = tuple(str(n) for n in range(known_count))
    old = [known(entry(name, guid=f"old-{name}"), id=int(name)) for name in names]
    new = [
        entry(str(n), guid=f"new-{n}", link=f"https://new.example/{n}.html") for n in range(count)
    ]
    return new, texts(*old, titles=names)


def test_a_source_that_changes_guids_and_links_is_known_by_its_texts():
    new, by_words = renamed_site(4, 4)

    made = changes(*new, by_text=by_words)

    assert made.new == ()
    assert [(id, item.guid) for id, item in made.migrated] == [(n, f"new-{n}") for n in range(4)]
    assert len(made.edited) == 4  # their links


def test_of_two_entries_with_the_words_of_one_neither_is_the_known_one():
    new, by_words = renamed_site(20, 20)
    again = entry("0", guid="again", link="https://new.example/again.html")

    made = changes(again, *new, by_text=by_words)

    assert [new.entry.guid for new in made.new] == ["new-0", "again"]
    assert [item.guid for _, item in made.migrated] == [f"new-{n}" for n in range(1, 20)]


def test_a_few_repeated_texts_among_new_ones_are_new_entries():
    new, by_words = renamed_site(4, 20)
    others = [entry(f"other {n}") for n in range(16)]

    made = changes(*new, *others, by_text=by_words)

    assert len(made.new) == 20


def test_a_text_that_several_known_entries_share_is_nobodys():
    old = [known(entry(str(n), guid=f"old-{n}"), id=n) for n in range(4)]

    assert (
        texts(*old, titles=("same", "same", "2", "3")).keys()
        == texts(*old[2:], titles=("2", "3")).keys()
    )


def test_an_entry_that_flips_at_every_poll_is_edited_two_dozen_times_and_then_four_times_a_day():
    before = known(entry("1"))
    taken = 0
    for hour in range(24 * 30):
        now = NOON + timedelta(hours=hour)
        flipped = entry("1", content_html=f"{hour} views")
        made = changes(flipped, held=(before,), now=now)
        for edit in made.edited:
            taken += 1
            before = replace(
                before,
                fingerprint=flipped.fingerprint,
                edits=edit.edits,
                edited_at=edit.edited_at,
            )

    assert before.edits == MOST_EDITS
    assert MOST_EDITS + 4 * 28 <= taken <= MOST_EDITS + 4 * 30


def test_a_clock_that_was_set_back_forgives_no_edits():
    before = known(entry("1"), edits=MOST_EDITS, edited_at=NOON + timedelta(days=9))

    assert changes(entry("1", title="x"), held=(before,)).empty


def test_a_clock_that_was_set_back_costs_no_edits():
    before = known(entry("1"), edits=5, edited_at=NOON + timedelta(days=9))

    assert changes(entry("1", title="x"), held=(before,)).edited[0].edits == 6


def test_what_was_deleted_takes_no_other_entrys_place():
    date = ago(days=1, minutes=7)
    before = known(entry("1", guid="kept", published=date))
    gone = entry("1", guid="gone", published=date)

    assert changes(gone, held=(before,), tombstones=frozenset({gone.digest})).empty


def test_an_entry_that_rested_may_be_edited_again():
    before = known(entry("1"), edits=MOST_EDITS, edited_at=ago(days=100))

    assert changes(entry("1", title="x"), held=(before,)).edited[0].edits == 1


def test_new_guids_beside_the_old_ones_are_new_entries():
    new, held = moved(4)
    old = [entry(str(n), guid=f"old-{n}") for n in range(4)]

    assert len(changes(*new, *old, held=held).new) == 4


dates = st.one_of(st.none(), st.datetimes(timezones=st.just(UTC)))
documents = st.lists(
    st.tuples(st.integers(0, 20), dates, dates), max_size=20, unique_by=lambda item: item[0]
)


@given(documents, st.booleans(), st.one_of(st.none(), st.integers(0, 20)))
def test_carrying_out_a_poll_twice_changes_nothing_the_second_time(document, first, backfill):
    entries = [entry(str(n), published=p, updated=u) for n, p, u in document]
    made = changes(*entries, first=first, backfill=backfill)

    held = tuple(
        known(new.entry, id=n, published=new.published, updated=new.updated)
        for n, new in enumerate(made.new)
    )

    assert changes(*entries, held=held, tombstones=frozenset(made.left_out)).empty


@given(documents, st.booleans())
def test_no_date_is_later_than_the_first_sight(document, first):
    entries = [entry(str(n), published=p, updated=u) for n, p, u in document]

    for new in changes(*entries, first=first, backfill=None).new:
        assert new.rank_at <= NOON
        assert new.published <= new.updated <= new.first_seen == NOON


OF_THE_FIRST_VERSION = b"16 bytes of then"


def test_an_entry_that_an_older_version_took_in_is_refreshed_which_is_no_edit():
    item = entry("1", published=ago(days=2), updated=ago(minutes=1), comments="https://a.example/c")
    before = known(item, fingerprint=OF_THE_FIRST_VERSION)

    made = changes(item, held=(before,), updates="bump")

    assert made.edited == ()
    (refreshed,) = made.refreshed
    assert (refreshed.entry, refreshed.updated, refreshed.rank_at) == (item, before.updated, None)
    assert not made.empty


def test_a_first_text_that_is_kept_is_not_refreshed_either():
    item = entry("1")
    before = known(item, fingerprint=OF_THE_FIRST_VERSION)

    assert changes(item, held=(before,), updates="ignore").empty


@given(st.lists(st.one_of(st.none(), st.integers(min_value=0, max_value=3)), max_size=8))
def test_entries_of_one_date_stand_one_below_the_other_in_their_order(days):
    entries = [
        entry(f"{n}", published=None if ago_ is None else ago(days=ago_))
        for n, ago_ in enumerate(days)
    ]
    new = changes(*entries, first=True, backfill=None).new
    ranks = [item.rank_at for item in new]

    assert ranks == sorted(set(ranks))
    for item in new:
        assert timedelta() <= item.published - item.rank_at < timedelta(milliseconds=1)


def test_sources_take_turns_where_all_their_entries_have_one_date():
    midnight = ago(days=1)
    of = {
        source: [
            (item.rank_at, source + item.entry.guid[-1])
            for item in changes(
                *(entry(f"{n}", published=midnight) for n in range(3)), first=True
            ).new
        ]
        for source in "ab"
    }
    shown = [name for _, name in sorted(of["a"] + of["b"], reverse=True)]

    assert shown == ["b0", "a0", "b1", "a1", "b2", "a2"]
