"""Every line of the standards that we publish by has a test, and every such test has its line."""

import re

import pytest

from tests.standards import ALSO, LINES, OPEN, SECTIONS, collected, matching, proof, table

COUNTS = {"b1": 23, "b2": 18, "b4": 5, "b7": 13}
"""Lines that the standards have, where they are numbered."""


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_proved_or_said_to_be_open(line):
    assert bool(proof(line)) != (line in OPEN)


@pytest.mark.parametrize("name", sorted({name for names in ALSO.values() for name in names}))
def test_a_test_that_a_line_names_exists(name):
    assert matching(name)


def test_no_line_is_missing():
    for section, count in COUNTS.items():
        assert [line for line in LINES if line.startswith(f"{section}.")] == [
            f"{section}.{number:02}" for number in range(1, count + 1)
        ]
    assert len(SECTIONS) == 9
    assert set(ALSO) | set(OPEN) <= set(LINES)


def test_a_test_with_the_number_of_a_line_proves_one():
    proved = {id for line in LINES for id in proof(line)}
    numbered = re.compile(r"test_b[1-9]_\d\d_")
    named = {id for test, ids in collected().items() if numbered.match(test) for id in ids}

    assert named - proved == set()


def test_the_table_names_every_line():
    rows = [row.split(" | ")[0] for row in table() if row.startswith("| b")]

    assert rows == [f"| {line}" for line in LINES]
