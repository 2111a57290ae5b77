import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.core.excerpt import excerpt, looks_chinese
from aggregator.core.model import CODE_BLOCK

MARKS = (("zh", "[代码]"), ("", "[code]"))


def cut(text: str, length: int = 350, language: str | None = None) -> str:
    return excerpt(text, language=language, length=length, placeholders=MARKS)


def test_a_long_text_is_cut_exactly_and_followed_by_dots():
    assert cut("x" * 351) == "x" * 350 + "..."


def test_a_text_that_fits_stands_whole_without_dots():
    assert cut("x" * 350) == "x" * 350


def test_formulas_stand_untouched():
    assert cut(r"由 \( a_1 \) 和 \[ x^2 \] 得") == r"由 \( a_1 \) 和 \[ x^2 \] 得"


@pytest.mark.parametrize(
    ("text", "language", "mark"),
    [
        ("先看代码", None, "[代码]"),
        ("先看这一段代码吧", "en", "[代码]"),
        ("Look", "zh-CN", "[代码]"),
        ("Look here", None, "[code]"),
        ("コードを見る", "ja", "[code]"),
    ],
)
def test_each_code_block_is_one_placeholder_in_the_language_of_the_text(text, language, mark):
    assert cut(f"{text} {CODE_BLOCK} {CODE_BLOCK}", language=language) == f"{text} {mark} {mark}"


def test_a_technical_chinese_text_full_of_english_names_is_chinese():
    assert looks_chinese("使用 Docker 部署 PostgreSQL 的几种方法与性能比较")


@given(st.text(), st.integers(1, 50))
def test_the_excerpt_is_a_prefix(text, length):
    made = cut(text.replace(CODE_BLOCK, ""), length)

    assert text.replace(CODE_BLOCK, "").startswith(
        made.removesuffix("...") if len(made) > length else made
    )
