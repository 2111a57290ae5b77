import pytest

from aggregator.core.model import ReadFeed
from aggregator.formats.charsets import in_utf8
from aggregator.formats.reading import read_feed

CHINESE = "我们的程序为什么会出现这个问题，是因为没有想到用户会这样使用"
TRADITIONAL = "我們的程式為什麼會出現這個問題，是因為沒有想到使用者會這樣使用"
JAPANESE = "私たちのプログラムがなぜこのような問題を起こすのか、考えてみました"
KOREAN = "우리가 만든 프로그램에서 이런 문제가 나타나는 이유를 생각해 보았습니다"
RUSSIAN = "Почему наша программа ведёт себя так странно и что с этим делать"
FRENCH = "Où l'été dernier a-t-il déjà été gâché, à Besançon, près de l'évêché"

SAMPLES = [
    ("gb18030", CHINESE),
    ("gbk", CHINESE),
    ("gb2312", CHINESE),
    ("big5", TRADITIONAL),
    ("shift_jis", JAPANESE),
    ("euc-jp", JAPANESE),
    ("euc-kr", KOREAN),
    ("koi8-r", RUSSIAN),
    ("windows-1251", RUSSIAN),
    ("iso-8859-1", FRENCH),
    ("utf-8", CHINESE + KOREAN + RUSSIAN + FRENCH),
]


def document(title: str, declared: str | None) -> str:
    prolog = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return (
        f"{prolog}<rss version='2.0'><channel><item><title>{title}</title></item></channel></rss>"
    )


def title_of(raw: bytes, content_type: str = "") -> str:
    feed: ReadFeed = read_feed(raw, content_type=content_type, url="https://a.example/f")
    return feed.entries[0].content.title


@pytest.mark.parametrize(("charset", "text"), SAMPLES)
def test_a_charset_may_be_declared_in_the_document_or_in_the_header(charset: str, text: str):
    inside = document(text, charset).encode(charset)
    outside = document(text, None).encode(charset)

    assert title_of(inside) == text
    assert title_of(inside, "text/xml") == text
    assert title_of(outside, f"text/xml; charset={charset}") == text


@pytest.mark.parametrize(("charset", "text"), SAMPLES)
def test_text_without_a_declaration_is_read_as_what_it_must_be(charset: str, text: str):
    assert title_of(document(text, None).encode(charset)) == text


@pytest.mark.parametrize(("charset", "text"), SAMPLES)
@pytest.mark.parametrize("wrong", ["utf-8", "iso-8859-1", "utf-16", "us-ascii", "no-such"])
def test_a_wrong_declaration_does_not_spoil_the_text(charset: str, text: str, wrong: str):
    raw = document(text, wrong).encode(charset)

    assert title_of(raw) == text
    assert title_of(raw, f"application/xml; charset={wrong}") == text


@pytest.mark.parametrize("wrong", ["gbk", "big5", "shift_jis", "euc-kr", "koi8-r", "windows-1251"])
@pytest.mark.parametrize("text", [CHINESE, KOREAN, RUSSIAN, FRENCH])
def test_valid_utf_8_wins_over_what_was_declared(text: str, wrong: str):
    assert title_of(document(text, wrong).encode()) == text


def test_a_few_characters_may_be_valid_utf_8_by_chance():
    raw = document("毛模", "gb2312").encode("gb2312")

    assert "ë" in raw.decode("utf-8")
    assert title_of(raw) == "毛模"


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_wide_characters_are_told_by_their_bytes(codec: str):
    assert title_of(document("中文 🚀", "utf-16").encode(codec)) == "中文 🚀"
    assert title_of(document("中文 🚀", None).encode(codec)) == "中文 🚀"


def test_a_mark_at_the_beginning_decides():
    raw = b"\xef\xbb\xbf" + document("中文", "iso-8859-1").encode()

    assert title_of(raw, "text/xml; charset=big5") == "中文"


def test_one_broken_byte_spoils_itself_only():
    utf8 = document(f"{CHINESE} X {KOREAN}", None).encode().replace(b"X", b"it\x92s")
    gbk = document(f"{CHINESE} X {CHINESE}", "gbk").encode("gbk").replace(b"X", b"\xff")
    cut = (document(CHINESE, None) + CHINESE).encode()[:-1]

    assert title_of(utf8) == f"{CHINESE} it’s {KOREAN}"
    assert title_of(gbk) == f"{CHINESE} \ufffd {CHINESE}"
    assert title_of(cut) == CHINESE


def test_what_windows_sends_as_latin_1_is_windows_1252():
    assert title_of(document("“it’s” 5 €", "iso-8859-1").encode("cp1252")) == "“it’s” 5 €"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (b"a\x00\x08\x0b\x0c\x1bb", "ab"),
        (b"a&#x1b;&#0;&#xFFFF;b", "a\ufffd\ufffd\ufffdb"),
        (b"a&#xD83D;&#xDE80; &#55357;&#56960;", "a🚀 🚀"),
        (b"a&#xD83D;b", "a\ufffdb"),
        (b"a \xed\xa0\xbd\xed\xba\x80", "a 🚀"),
        (b"a\xed\xa0\xbdb", "ab"),
        (b"a\xef\xbf\xbf\xef\xbf\xbeb", "ab"),
        (
            "עברית العربية 中文，标点 👩‍👩‍👧 e\u0301 ᠮ 𠮷".encode(),
            "עברית العربية 中文，标点 👩‍👩‍👧 e\u0301 ᠮ 𠮷",
        ),
    ],
)
def test_forbidden_characters_go_and_all_others_stay(written: bytes, read_as: str):
    raw = document("X", None).encode().replace(b"X", written)

    assert title_of(raw) == read_as


def test_a_control_character_costs_no_well_formedness():
    items = "<item><guid>a&amp;amp;b\x0c</guid><title>1</title></item>"

    feed = read_feed(f"<rss><channel>{items}</channel></rss>".encode(), content_type="", url="")

    assert feed.entries[0].guid == "a&amp;b"


def test_plain_utf_8_goes_through_as_it_is():
    raw = document(CHINESE, "utf-8").encode()

    assert in_utf8(raw, "") == raw


@pytest.mark.parametrize("zeros", ["", "0", "00"])
@pytest.mark.parametrize(
    "number",
    [
        *(*range(34), 39, 127, 0xD7FF, 0xD800, 0xDBFF, 0xDFFF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF),
        *(0x10000, 0x10FFFF, 0x110000, 99999, 999999),
    ],
)
def test_a_reference_stays_where_xml_has_the_character(number, zeros):
    allowed = number in {9, 10, 13} or (
        32 <= number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF and number not in {65534, 65535}
    )
    for reference in (f"&#{zeros}{number};", f"&#x{zeros}{number:x};", f"&#X{zeros}{number:X};"):
        written = f"<a>{reference}&#39;</a>".encode()
        kept = written if allowed else b"<a>&#xFFFD;&#39;</a>"
        assert in_utf8(written, "") == kept
