"""Entries are written once, and taken from where they are at hand."""

from aggregator.core.joined import Frame, Joined, piece
from aggregator.core.select import Facts
from aggregator.formats.written import Writer
from aggregator.service.lines import Line, LineView
from aggregator.service.pieces import Pieces
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
                pieces=written, compose=lambda _, pieces: Joined(Frame(head=b"", tail=b""), pieces)
            )
        },
        most,
    )


async def test_an_entry_is_written_once():
    held, view, lines = pieces(), Texts(), [line(1), line(2)]
    first = await held.of(lines, view, "atom", "en")

    assert await held.of([*lines, line(3)], view, "atom", "en") == [
        *first,
        (line(3), piece(repr(b"\3"), b"\3")),
    ]
    assert view.read == [1, 2, 3]


async def test_what_stood_in_the_document_before_is_taken_from_there():
    held, view = pieces(most=0), Texts()
    one, bad, three, new = line(1), line(2, b"bad"), line(3), line(4)
    before = await held.of([one, bad, three], view, "atom", "en")
    found = await held.of([new, three, bad], view, "atom", "en", before)

    assert [(each.number, each_piece and each_piece.body) for each, each_piece in found] == [
        (4, b"\4"),
        (3, b"\3"),
        (2, None),
    ]
    assert view.read == [1, 2, 3, 4]


async def test_an_entry_that_looks_different_is_not_taken_from_the_document_before():
    held, view = pieces(), Texts()
    before = await held.of([line(1), line(2)], view, "atom", "en")
    found = await held.of([line(1, b"other"), line(2)], view, "atom", "en", before)

    assert [each_piece and each_piece.body for _, each_piece in found] == [b"other", b"\2"]


async def test_an_entry_that_changed_meanwhile_comes_as_it_is_now_and_one_that_went_does_not():
    held, view = pieces(), Texts()
    before = await held.of([line(3)], view, "atom", "en")
    view.newer = {1: line(1, b"newer"), 2: line(2, b"gone")}
    found = await held.of([line(1), line(2), line(3)], view, "atom", "en", before)

    assert [(each.number, each.look) for each, _ in found] == [(1, b"newer"), (3, b"\3")]
