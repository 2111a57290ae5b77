from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import values
from aggregator.fetch.proxy import read_proxy

SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("250ms", 0.25),
        ("90s", 90),
        ("0.5s", 0.5),
        ("15m", 900),
        ("1h", 3600),
        ("1.5h", 5400),
        ("2d", 172_800),
    ],
)
def test_a_duration_is_a_number_with_its_unit(written, seconds):
    assert values.duration(written) == timedelta(seconds=seconds)


@given(number=st.integers(1, 36_500), unit=st.sampled_from(sorted(SECONDS)))
def test_every_whole_duration_means_its_seconds(number, unit):
    assert values.duration(f"{number}{unit}") == timedelta(seconds=number) * SECONDS[unit]


@given(st.text())
def test_no_text_makes_a_duration_fail_otherwise_than_with_a_sentence(written):
    with suppress(ValueError):
        assert values.duration(written) > timedelta()


@pytest.mark.parametrize("written", ["0s", "0ms", "0", 0])
def test_nothing_is_a_duration_only_where_zero_is_allowed(written):
    assert values.duration(written, zero=True) == timedelta()
    with pytest.raises(ValueError, match="longer than 0"):
        values.duration(written)


@pytest.mark.parametrize(
    "written",
    ["", "1", 1, 1.5, True, False, "1hour", "h", "-1h", "1 h", "1h30m", "١h", "1e3s", "1H", ["1h"]],
)
def test_other_forms_are_no_durations(written):
    with pytest.raises(ValueError, match='such as "15m"'):
        values.duration(written, zero=True)


@pytest.mark.parametrize("written", ["36501d", "999999999999999d", "999999999999999.9h"])
def test_a_duration_beyond_a_century_is_refused(written):
    with pytest.raises(ValueError, match='at most "36500d"'):
        values.duration(written)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1024, 1024),
        ("1024", 1024),
        ("7B", 7),
        ("10MB", 10_000_000),
        ("10mb", 10_000_000),
        ("512KiB", 524_288),
        ("1.5kB", 1500),
        ("1GiB", 1024**3),
    ],
)
def test_a_size_is_bytes_or_a_number_with_its_unit(written, size):
    assert values.size(written) == size


@pytest.mark.parametrize(
    "written", [0, -1, True, 1.5, "0", "0MB", "MB", "-1MB", "1 MB", "1i", "1TB", "999999999GB", []]
)
def test_other_forms_are_no_sizes(written):
    with pytest.raises(ValueError, match="must be a size"):
        values.size(written)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (10, 10),
        (0, 0),
        ("10", 10),
        ("all", None),
        ("7d", timedelta(days=7)),
        ("0s", timedelta()),
    ],
)
def test_backfill_is_a_number_a_duration_or_all(written, value):
    assert values.backfill(written) == value
    assert type(values.backfill(written)) is type(value)


@pytest.mark.parametrize("written", [-1, True, "none", "", 1.5, [10]])
def test_other_forms_are_no_backfill(written):
    with pytest.raises(ValueError, match='or "all"'):
        values.backfill(written)


@pytest.mark.parametrize(
    ("written", "number"), [(1, 1), (200, 200), ("15", 15)], ids=["low", "high", "as text"]
)
def test_a_whole_number_lies_between_its_bounds(written, number):
    assert values.whole_number(written, low=1, high=200) == number


@pytest.mark.parametrize("written", [0, 201, "201", True, 1.0, "1.0", "", "one", "٣", None])
def test_other_forms_are_no_whole_numbers(written):
    with pytest.raises(ValueError, match="a whole number from 1 to 200"):
        values.whole_number(written, low=1, high=200)


@pytest.mark.parametrize(
    ("written", "value"), [(True, True), (False, False), ("true", True), ("false", False)]
)
def test_a_switch_is_true_or_false(written, value):
    assert values.switch(written) is value


@pytest.mark.parametrize("written", [1, 0, "yes", "True", ""])
def test_other_forms_are_no_switch(written):
    with pytest.raises(ValueError, match="true or false"):
        values.switch(written)


@pytest.mark.parametrize("written", ["", "  ", "two\nlines", "bell\x07", "\udcff", "\x85", 5])
def test_a_line_of_text_is_neither_empty_nor_holds_control_characters(written):
    with pytest.raises(ValueError, match="must"):
        values.line(written)


def test_text_is_trimmed_and_may_have_lines():
    assert values.text(" two\nlines ") == "two\nlines"


@pytest.mark.parametrize("written", ["python", "a-b_C9", "0"])
def test_a_key_is_letters_digits_and_two_signs(written):
    assert values.key(written) == written


@pytest.mark.parametrize("written", ["", "a b", "a.b", "a/b", "ä", "a\n", 5])
def test_other_forms_are_no_keys(written):
    with pytest.raises(ValueError, match="letters, digits"):
        values.key(written)


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://planet.example.org", "https://planet.example.org/"),
        ("https://planet.example.org/", "https://planet.example.org/"),
        ("http://example.org:8080/planet", "http://example.org:8080/planet/"),
    ],
)
def test_the_site_address_ends_with_one_slash(written, url):
    assert values.site_url(written) == url


@pytest.mark.parametrize(
    "written",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "http://",
        "/planet",
        5,
        "https://example.org/?a=b",
        "https://example.org/#a",
        "https://u:p@example.org/",
    ],
)
def test_other_forms_are_no_site_address(written):
    with pytest.raises(ValueError, match="web address"):
        values.site_url(written)


@pytest.mark.parametrize("written", ["", "file:///etc/passwd", "https:///x", "feed.xml", 5])
def test_a_source_needs_a_web_address_with_a_host(written):
    with pytest.raises(ValueError, match="must be a web address"):
        values.source_url(written)


def test_a_source_address_holds_no_password():
    with pytest.raises(ValueError, match="use auth"):
        values.source_url("https://user:hunter2@example.org/feed")


@pytest.mark.parametrize(
    "written",
    [
        "sqlite:///relative.db",
        "sqlite:////abs/olute.db",
        "postgresql://user@host/name",
        "postgresql:///name?host=/run/postgresql",
    ],
)
def test_a_database_address_stays_as_written(written):
    assert values.database_url(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "aggregator.db",
        "mysql://host/name",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a.db?mode=ro",
        "postgresql://u:a/b#c@host:x/name",
        "postgresql://host",
        5,
    ],
)
def test_other_forms_are_no_database_address(written):
    with pytest.raises(ValueError, match="must"):
        values.database_url(written)


@pytest.mark.parametrize("written", ["127.0.0.0/8", "fd00::/8", "192.168.1.7"])
def test_a_network_is_an_address_with_a_prefix(written):
    assert values.network(written) == ip_network(written)


@pytest.mark.parametrize("written", ["", "10.0.0.1/8", "10.0.0.0/33", "localhost", 10])
def test_other_forms_are_no_networks(written):
    with pytest.raises(ValueError, match="must be a network"):
        values.network(written)


@pytest.mark.parametrize(
    "written",
    [
        "http://proxy.lan:3128",
        "https://proxy.example:443/",
        "http://user:p%40ss:word@10.0.0.1:8080",
        "http://token@proxy.lan:80",
        "http://[::1]:3128",
    ],
)
def test_a_proxy_is_a_web_address_with_a_port(written):
    assert values.proxy(written) == written
    assert read_proxy(written).port == urlsplit(written).port


def test_an_empty_proxy_is_none():
    assert values.proxy("") is None


@pytest.mark.parametrize(
    "written",
    [
        "proxy.lan:3128",
        "http://proxy.lan",
        "http://proxy.lan:0",
        "http://proxy.lan:99999",
        "http://:3128",
        "ftp://proxy.lan:3128",
        "http://proxy.lan:3128/path",
        "http://proxy.lan:3128?x",
        "http://user:pa/ss@proxy.lan:3128",
        "http://user:pa#ss@proxy.lan:3128",
        "http://user:pa ss@proxy.lan:3128",
        "http://user:p\u00e4ss@proxy.lan:3128",
        "http://user:pass@proxy.lan:3128\r\nX: y",
        "http://[::1:3128",
        3128,
        None,
    ],
)
def test_other_forms_are_no_proxy(written):
    with pytest.raises(ValueError, match="percent-encode"):
        values.proxy(written)


@pytest.mark.parametrize("written", ["socks5://proxy.lan:1080", "socks5h://a:b@proxy.lan:1080"])
def test_no_proxy_speaks_socks(written):
    with pytest.raises(ValueError, match="SOCKS is not spoken"):
        values.proxy(written)


@given(st.text(alphabet="htps:/@[]%.-?#\\ab01 ", max_size=20))
def test_what_passes_for_a_proxy_can_be_used_as_one(text):
    with suppress(ValueError):
        address = values.proxy(f"http://{text}:3128")
        assert address is not None
        assert read_proxy(address).port == 3128


@pytest.mark.parametrize("written", ["127.0.0.1", "0.0.0.0", "::", "::1", "localhost", "a.example"])
def test_a_server_listens_on_an_address_or_a_name(written):
    assert values.listening_host(written) == written


@pytest.mark.parametrize("written", ["", "127.0.0.1:80", "http://a", "a b", "[::1]", "1.2.3", 5])
def test_other_forms_are_no_listening_host(written):
    with pytest.raises(ValueError, match="without port"):
        values.listening_host(written)


@pytest.mark.parametrize("written", ["ok\r\nX-Evil: 1", "", "ü", " a", 5])
def test_a_header_value_cannot_smuggle_another_header(written):
    with pytest.raises(ValueError, match="value of X-Token must be one line of ASCII"):
        values.headers({"X-Token": written})


def test_a_header_name_is_a_token():
    with pytest.raises(ValueError, match="header names"):
        values.headers({"X Token": "a"})


def test_headers_keep_their_order():
    assert values.headers({"B": "1", "A": "2"}) == (("B", "1"), ("A", "2"))


def test_a_password_may_hold_colons_and_spaces():
    assert values.split_auth("user: a:b ") == {"user": "user", "password": " a:b "}


@pytest.mark.parametrize("written", ["user", ":password", "", 5])
def test_auth_needs_a_user_and_a_colon(written):
    with pytest.raises(ValueError, match="user:password"):
        values.split_auth(written)


def test_an_empty_token_is_no_token():
    assert values.token("") is None


@pytest.mark.parametrize("written", ["with space", "new\nline", "schlüssel", 5])
def test_a_token_fits_into_a_header(written):
    with pytest.raises(ValueError, match="must be"):
        values.token(written)


def test_the_longest_language_prefix_of_placeholders_comes_first_and_the_default_last():
    made = values.placeholders({"zh-TW": "[程式碼]", "ja": "[コード]", "default": "…"})

    assert made == (("zh-tw", "[程式碼]"), ("ja", "[コード]"), ("zh", "[代码]"), ("", "…"))


@pytest.mark.parametrize("written", [{"z h": "x"}, "x", {"zh": 5}])
def test_other_forms_are_no_placeholders(written):
    with pytest.raises(ValueError, match="must"):
        values.placeholders(written)


@pytest.mark.parametrize("written", ["en", "zh-CN", "sr-Latn-RS"])
def test_a_language_is_a_tag(written):
    assert values.language(written) == written


@pytest.mark.parametrize("written", ["", "e", "en_US", "english language", 5])
def test_other_forms_are_no_language(written):
    with pytest.raises(ValueError, match="language tag"):
        values.language(written)


def test_a_tag_holds_no_slash():
    with pytest.raises(ValueError, match='without "/"'):
        values.tag("a/b")


@pytest.mark.parametrize("written", ["rust", "机器学习 -ads", '"new york"', "a*"])
def test_a_search_has_words_to_look_for(written):
    assert values.search(f" {written} ") == written


@pytest.mark.parametrize("written", ["", "***", "( - )", "two  spaces", "x" * 201, 1, ["a"]])
def test_what_finds_nothing_is_no_search(written):
    with pytest.raises(ValueError, match="must"):
        values.search(written)
