from importlib.util import find_spec

import pytest

from aggregator.core.model import CODE_BLOCK
from aggregator.formats import languages
from aggregator.formats.languages import detector_at_hand, language_of, with_languages
from tests.builders import read_entry, read_feed

GERMAN = (
    "Die Katze sitzt auf der Matte und sieht aus dem Fenster, während draußen der Regen fällt und"
    " niemand auf der Straße zu sehen ist, nicht einmal ein Hund."
)
CHINESE = (
    "今天我们来讨论一下异步编程，包括标准库的使用方法，以及如何在实际项目中应用这些技术来提高程序的性能"
    "和可维护性。希望对大家有所帮助，欢迎留言。"
)


def sure(_text: str) -> tuple[str, float]:
    return "de", 0.99


def test_only_a_long_text_has_a_language_and_only_when_that_is_nearly_sure():
    assert language_of(GERMAN, sure) == "de"
    assert language_of(CHINESE, sure) == "de"
    assert language_of(GERMAN[:100], sure) is None
    assert language_of(GERMAN, lambda _text: ("de", 0.9)) is None


def test_addresses_and_code_are_in_no_language():
    asked = []

    def ask(text: str) -> tuple[str, float]:
        asked.append(text)
        return "de", 1.0

    language_of(f"https://a.example/x {GERMAN} {CODE_BLOCK}", ask)

    assert asked == [GERMAN]


def test_a_declared_language_stands(monkeypatch):
    monkeypatch.setattr(languages, "detector_at_hand", lambda: sure)
    feed = read_feed(read_entry("1", text=GERMAN), read_entry("2", text=GERMAN, language="en"))

    assert [entry.content.language for entry in with_languages(feed).entries] == ["de", "en"]


def test_without_the_extra_no_language_is_guessed(monkeypatch):
    monkeypatch.setattr(languages, "detector_at_hand", lambda: None)
    feed = read_feed(read_entry("1", text=GERMAN))

    assert with_languages(feed) == feed


@pytest.mark.skipif(not find_spec("py3langid"), reason="the extra `languages` is not installed")
@pytest.mark.parametrize(
    ("text", "language"),
    [(GERMAN, "de"), (CHINESE, "zh"), ("Release 1.2.3 4.5.6 7.8.9 " * 9, None)],
)
def test_the_detector_knows_languages_and_its_limits(text: str, language: str | None):
    detector = detector_at_hand()

    assert detector is not None
    assert language_of(text, detector) == language
