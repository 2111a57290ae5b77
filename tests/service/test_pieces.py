"""Entries are written once, and taken from where they are at hand."""

from aggregator.core.joined import Frame, Joined, piece
from aggregator.core.select import Facts
from aggregator.formats.written import Writer
from aggregator.service.line_runs import in_runs
from aggregator.service.lines import Line, LineView
from aggregator.service.pieces import Pieces, fitting, writable
from tests.builders import NOON


def line(number: int, look: bytes | None = None) -> Line:
    return Line(
        number=number,
        id=str(number),
        facts=Facts(source_key="a", published=NOON, language=None, day=NOON.date()),
        names=(("a", "A"),),
        updated=NOON,
        changed_at=NOON,
        look=look or bytes([number]),
        mark=b"",
        ends=number % 2 == 0,
    )


class Texts(LineView):
    """Of each line its look; what was read is written down."""

    def __init__(self) -> None:
        self.read: list[int] = []
        self.newer: dict[int, Line] = {}

    async def texts(self, lines):
        self.read += [each.number for each in lines]
        found = [self.newer.get(each.number, each) for each in lines]
        return [(each, each.look) for each in found if each.look != b"gone"]


def pieces(most: int = 10_000) -> Pieces:
    def written(shown, _language):
        return [None if look == b"bad" else piece(repr(look), look) for look in shown]

    return Pieces(
        {
            "atom": Writer(
                pieces=written, compose=lambda _, runs: Joined(Frame(head=b"", tail=b""), runs)
            )
        },
        most,
    )


def bodies(pieced) -> list[tuple[int, bytes | None]]:
    return [
        (line.number, piece and piece.body)
        for each in pieced
        for line, piece in zip(each.of.lines, each.pieces, strict=True)
    ]


def of(*lines: Line, before=()):
    return in_runs(lines, [each.of for each in before])


async def test_an_entry_is_written_once():
    held, view, lines = pieces(), Texts(), [line(1), line(2)]
    await held.of(of(*lines), view, "atom", "en")
    found = await held.of(of(*lines, line(3)), view, "atom", "en")

    assert bodies(found) == [(1, b"\1"), (2, b"\2"), (3, b"\3")]
    assert view.read == [1, 2, 3]


async def test_what_stood_in_the_document_before_is_taken_from_there():
    held, view = pieces(most=0), Texts()
    one, bad, three, new = line(1), line(2, b"bad"), line(3), line(4)
    before = await held.of(of(one, bad, three), view, "atom", "en")
    found = await held.of(of(new, three, bad, before=before), view, "atom", "en", before)

    assert bodies(found) == [(4, b"\4"), (3, b"\3"), (2, None)]
    assert view.read == [1, 2, 3, 4]


async def test_runs_that_stay_are_the_same_objects():
    held, view, lines = pieces(), Texts(), [line(n) for n in range(1, 9)]
    before = await held.of(of(*lines), view, "atom", "en")
    runs = of(line(9), *lines[:-1], before=before)
    found = await held.of(runs, view, "atom", "en", before)

    assert [each in before for each in found] == [False, True, True, False]
    assert [each.of for each in found] == list(runs)


async def test_an_entry_that_looks_different_is_not_taken_from_the_document_before():
    held, view = pieces(), Texts()
    before = await held.of(of(line(1), line(2)), view, "atom", "en")
    found = await held.of(of(line(1, b"other"), line(2), before=before), view, "atom", "en", before)

    assert bodies(found) == [(1, b"other"), (2, b"\2")]


async def test_an_entry_that_changed_meanwhile_comes_as_it_is_now_and_one_that_went_does_not():
    held, view = pieces(), Texts()
    before = await held.of(of(line(3), line(4)), view, "atom", "en")
    view.newer = {1: line(1, b"newer"), 2: line(2, b"gone")}
    runs = of(line(1), line(2), line(3), line(4), before=before)
    found = await held.of(runs, view, "atom", "en", before)

    assert bodies(found) == [(1, b"newer"), (3, b"\3"), (4, b"\4")]
    assert [each.of.look for each in found] == [b"newer\3\4"]


async def test_a_document_goes_without_what_cannot_be_written_or_stands_there_already():
    held, view = pieces(), Texts()
    lines = [line(1), line(2, b"bad"), line(3), line(4, b"\3"), line(6, b"bad")]
    runs, dropped = writable(await held.of(of(*lines), view, "atom", "en"))

    assert [piece.body for run in runs for piece in run.pieces] == [b"\1", b"\3"]
    assert dropped == ("2", "4", "6")
    assert all(run.pieces for run in runs)


async def test_of_a_document_that_is_too_large_the_first_entries_stay():
    held, view = pieces(), Texts()
    found = await held.of(of(line(1), line(2), line(3), line(5)), view, "atom", "en")

    assert bodies(fitting(found, -1)) == [(1, b"\1"), (2, b"\2"), (3, b"\3")]
    assert bodies(fitting(found, -3)) == [(1, b"\1")]
    assert bodies(fitting(found, -99)) == [(1, b"\1")]
