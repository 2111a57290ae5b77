import pytest

from aggregator.formats.html_pages import page_in_words


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<html><p>hello", "an HTML page"),
        ("<title>\n Caf&eacute;  &amp; more </title>", "an HTML page (“Café & more”)"),
        (
            "<title>blog.example</title><p>Buy this domain now",
            "a page that offers the domain for sale (“blog.example”)",
        ),
        (
            '<script src="https://www.sedo.com/park.js">',
            "a page that offers the domain for sale",
        ),
        (
            "<title>Just a moment...</title>",
            "a page that wants to see a browser (“Just a moment...”)",
        ),
        (
            "<title>Sign in</title><input name=p type='password'>",
            "a page that asks for a password (“Sign in”)",
        ),
        ("<title></title>", "an HTML page"),
    ],
)
def test_a_page_is_told_in_words(page, words):
    assert page_in_words(page.encode()) == words


def test_only_its_beginning_is_looked_at_and_any_bytes_will_do():
    assert page_in_words(b"\xff\x00" + b" " * 10**6 + b"buy this domain") == "an HTML page"


def test_a_long_title_is_cut():
    assert len(page_in_words(b"<title>" + b"x" * 400)) < 120
