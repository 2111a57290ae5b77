import pytest

from aggregator.config.environment import expand

ENVIRON = {"NAME": "value", "EMPTY": "", "TRICK": '${NAME} $$ " ] = {'}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("${NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${NAME:-other}", "value"),
        ("${NOPE:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${NOPE:-}", ""),
        ("${EMPTY}", ""),
        ("${NOPE:-a:-b $ c}", "a:-b $ c"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$$NAME", "$$NAME"),
        ("$NAME costs 5$", "$NAME costs 5$"),
        ("${TRICK}", ENVIRON["TRICK"]),
    ],
)
def test_a_variable_becomes_its_value(written, meant):
    expansion = expand({"key": written}, ENVIRON)

    assert expansion.tables == {"key": meant}
    assert not expansion.mistakes


def test_texts_in_lists_and_tables_are_searched_and_other_values_stay():
    tables = {"a": [{"b": "${NAME}"}, 1, True], "${NAME}": 2.5}

    expansion = expand(tables, ENVIRON)

    assert expansion.tables == {"a": [{"b": "value"}, 1, True], "${NAME}": 2.5}
    assert expansion.locations == {("a", 0, "b")}


def test_a_missing_variable_is_named_and_the_text_stays():
    expansion = expand({"a": {"b": "${NOPE} ${NAME} ${ALSO}"}}, ENVIRON)

    [(location, sentence)] = expansion.mistakes
    assert location == ("a", "b")
    assert "NOPE" in sentence
    assert "ALSO" in sentence
    assert "value" not in sentence
    assert expansion.tables["a"]["b"] == "${NOPE} ${NAME} ${ALSO}"


@pytest.mark.parametrize("written", ["${", "${}", "${1A}", "${A", "${A-b}", "${A:-${NAME}}"])
def test_a_broken_variable_is_a_mistake(written):
    [(_, sentence)] = expand({"key": written}, ENVIRON).mistakes

    assert "write ${NAME} or ${NAME:-default}" in sentence
