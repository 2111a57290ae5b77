import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.urls import canonical_link, host_of, other_forms, web_url


@pytest.mark.parametrize(
    ("text", "base", "url"),
    [
        ("https://a.example/1", None, "https://a.example/1"),
        (" https://a.example/a b ", None, "https://a.example/a%20b"),
        ("/p/1", "https://a.example/feed", "https://a.example/p/1"),
        ("//b.example/x", "https://a.example/feed", "https://b.example/x"),
        ("?a=%2F&b=;c", "https://a.example/p", "https://a.example/p?a=%2F&b=;c"),
    ],
)
def test_an_address_becomes_absolute_and_stays_as_it_is(text, base, url):
    assert web_url(text, base) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "/p",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://",
        "http://[x/",
        "ftp://a/",
        "http://a:99999/",
        "http://a/" + "x" * 9999,
    ],
)
def test_what_is_no_web_address_is_refused(text):
    assert web_url(text) is None


def test_a_host_is_compared_in_lower_case_without_its_port():
    assert host_of("https://WWW.A.example.:8443/x") == "www.a.example"


def test_the_canonical_link_keeps_what_tells_pages_apart():
    assert canonical_link("https://a.example/?p=1") != canonical_link("https://a.example/?p=2")
    assert canonical_link("https://a.example:8080/1") != canonical_link("https://a.example/1")
    assert canonical_link("https://a.example/A") != canonical_link("https://a.example/a")


@given(st.from_regex(r"https?://(www\.)?[A-Za-z.]{0,6}(/[a-z/;&=%\[\t @é]{0,6})?", fullmatch=True))
def test_a_fragment_changes_nothing_of_a_canonical_link(link):
    assert canonical_link(link) == canonical_link(f"{link}#part")


def test_a_front_page_has_no_canonical_link():
    assert canonical_link("https://a.example/?utm_source=rss#top") is None


@pytest.mark.parametrize("guid", ["1", "urn:uuid:1", "tag:a.example,2020:1", "http://", "http://["])
def test_a_name_that_is_no_web_address_has_no_other_form(guid):
    assert other_forms(guid) == ()


def test_the_other_forms_of_an_address_are_those_with_another_scheme_www_or_slash():
    assert set(other_forms("http://www.A.example:80/p/?q=1")) == {
        f"{scheme}://{www}a.example/p{slash}?q=1"
        for scheme in ("http", "https")
        for www in ("", "www.")
        for slash in ("", "/")
    }


FORMS_OF_ONE = {"https://a.example/p?q=1", *other_forms("https://a.example/p?q=1")}


@pytest.mark.parametrize("form", sorted(FORMS_OF_ONE))
def test_each_form_has_all_others_as_its_forms(form):
    assert {form, *other_forms(form)} == FORMS_OF_ONE
