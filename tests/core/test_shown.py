from aggregator.core.model import Content
from aggregator.core.shown import Shown, weight
from tests.builders import published


def of(letter: str) -> Shown:
    text = letter * 1000
    content = Content(content_html=text, text=text, summary=text)
    return Shown(entry=published(content=content), excerpt=text)


def test_texts_weigh_what_they_take_in_memory_whatever_they_are_written_in():
    latin, chinese, emoji = (weight(of(letter)) for letter in "a数🐍")

    assert 4_000 < latin < 4_500
    assert 8_000 < chinese < 8_500
    assert 16_000 < emoji < 16_500
