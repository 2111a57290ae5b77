"""Lines are in runs that are found again in later documents."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from aggregator.service.line_runs import in_runs, lines_of, looks_of
from aggregator.service.lines import Line
from tests.builders import NOON
from tests.service.test_pieces import line

LINES = st.lists(st.integers(0, 255), unique=True, max_size=40)


def lines(*numbers: int) -> list[Line]:
    return [line(number) for number in numbers]


@given(LINES, LINES)
def test_the_lines_stand_in_their_order_whatever_stood_there_before(some, others):
    pool = {number: line(number) for number in {*some, *others}}
    before = in_runs([pool[number] for number in others])
    runs = in_runs([pool[number] for number in some], before)

    assert [each.number for each in lines_of(runs)] == some
    assert [run.lines for run in runs] == [run.lines for run in in_runs(lines(*some))]


def test_a_run_ends_where_a_line_says_so_and_at_the_end():
    runs = in_runs(lines(1, 3, 4, 6, 5))

    assert [[each.number for each in run.lines] for run in runs] == [[1, 3, 4], [6], [5]]
    assert in_runs([]) == ()


def test_what_comes_in_front_leaves_the_later_runs_as_they_are():
    some = lines(*range(1, 20))
    before = in_runs(some)
    after = in_runs([line(21), *some[:-1]], before)

    assert after[1:] == before[1:-1]
    assert after[0].lines == (line(21), *some[:2])


def test_a_line_that_is_another_now_makes_its_run_another():
    some = lines(1, 2, 3, 4)
    before = in_runs(some)
    after = in_runs([*some[:3], replace(some[3], look=b"other")], before)

    assert [run in before for run in after] == [True, False]


def test_a_run_tells_of_all_its_lines():
    later = NOON + timedelta(hours=1)
    one, other = replace(line(1), updated=later, mark=b"1"), replace(line(2), mark=b"2")
    (run,) = in_runs([one, replace(other, changed_at=later)])

    assert (run.look, run.mark) == (b"\1\2", b"12")
    assert (run.updated, run.changed_at) == (later, later)
    assert looks_of([run]) == looks_of(in_runs([one]) + in_runs([other]))
