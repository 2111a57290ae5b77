from dataclasses import replace

import pytest

from aggregator.core.stories import Claim, Member, lead_of, published_id


def member(id: int, host: str, link: str | None = "https://a.example/1", site: str | None = None):
    return Member(id=id, source_url=f"https://{host}/feed", site_url=site, link=link)


def test_the_origin_leads_whoever_came_first():
    planet, origin = member(1, "planet.example"), member(2, "www.a.example")

    assert lead_of([planet, origin]) == origin


def test_a_source_is_the_origin_by_its_site_too():
    planet = member(1, "planet.example")
    burned = member(2, "feeds.example", site="https://a.example/")

    assert lead_of([planet, burned]) == burned


def test_a_feed_that_only_says_it_lives_there_leaves_the_lead_to_the_one_that_does():
    liar = member(1, "evil.example", site="https://a.example/")
    origin = member(2, "a.example")

    assert lead_of([liar, origin]) == origin


def test_the_operator_says_who_leads_where_nobody_is_the_origin():
    first, preferred = member(1, "one.example"), replace(member(2, "two.example"), priority=5)
    last = replace(member(3, "three.example"), priority=5)
    unwanted = replace(member(0, "zero.example"), priority=-1)

    assert lead_of([first, preferred, last]) == preferred
    assert lead_of([unwanted, first]) == first
    assert lead_of([preferred, member(4, "a.example")]) == member(4, "a.example")


def test_an_entry_that_says_it_is_from_elsewhere_leads_last():
    copy = replace(member(1, "a.example"), taken_from=("https://b.example/feed",))
    other = member(2, "b.example", link="https://c.example/1")

    assert lead_of([copy, other]) == other
    assert lead_of([copy]) == copy


def test_an_entry_that_names_its_own_feed_is_no_copy():
    own = replace(member(1, "a.example"), taken_from=("https://www.a.example/feed",))

    assert own.claim == Claim.HOME


def test_another_port_of_a_host_may_be_somebody_elses():
    link = "http://127.0.0.1:8002/1"

    assert member(1, "127.0.0.1:8002", link=link).claim == Claim.HOME
    assert member(1, "127.0.0.1:8001", link=link).claim == Claim.SITE
    assert (
        lead_of(
            [
                replace(member(1, "x"), source_url="http://127.0.0.1:8001/feed", link=link),
                replace(member(2, "x"), source_url="http://127.0.0.1:8002/feed", link=link),
            ]
        ).id
        == 2
    )


def test_without_an_origin_the_first_leads():
    assert lead_of([member(3, "p.example"), member(4, "q.example")]).id == 3
    assert lead_of([member(3, "p.example", link=None), member(4, "q.example")]).id == 3


@pytest.mark.parametrize(
    "guid",
    [
        "https://a.example/1?p=2#x",
        "tag:blogger.com,1999:blog-1.post-2",
        "urn:uuid:60a76c80-d399-11d9-b93c-0003939e0af6",
    ],
)
def test_a_guid_that_is_an_absolute_iri_is_published_as_it_is(guid):
    assert published_id("a", guid) == guid


@pytest.mark.parametrize(
    "guid",
    [
        "12345",
        "/p/1",
        "http://",
        "a b",
        "http://a.example/é",
        "http://a.example/%zz",
        "http://a.example/<1>",
        "javascript:x",
        "http://[x/1",
        "x" * 9999,
    ],
)
def test_any_other_guid_gets_an_id_of_its_own(guid):
    assert published_id("a", guid).startswith("urn:uuid:")
    assert published_id("a", guid) == published_id("a", guid)
    assert published_id("a", guid) != published_id("b", guid)


def test_an_id_that_another_story_holds_is_not_given_again():
    taken = published_id("b", "https://a.example/1", taken=True)

    assert taken.startswith("urn:uuid:")


def test_the_ids_that_we_make_never_change():
    assert published_id("key", "12345") == "urn:uuid:6d5e612b-57ef-5235-b971-3190d09f9d2f"
