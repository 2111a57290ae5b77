"""A document in pieces: those of its entries stay as they are while others come and go."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from aggregator.core.digest import body_digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """An entry as it stands in documents of one format."""

    id: str
    """The entry's, as it is written: no document has it twice."""
    body: bytes
    digest: bytes
    """16 bytes over `body`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """Neighbouring pieces: so there are fewer parts to look at, most of which stay as they are.

    Documents with equal pieces have them in equal runs.
    """

    pieces: tuple[Piece, ...]
    ids: tuple[str, ...]
    """Of the pieces."""
    size: int
    """Bytes, without what stands between them."""
    digest: bytes
    """16 bytes over the pieces'."""


_IDS, _DIGEST = attrgetter("ids"), attrgetter("digest")


def piece(id: str, body: bytes) -> Piece:
    """The piece with these bytes."""
    return Piece(id=id, body=body, digest=body_digest(body))


def run_of(pieces: Sequence[Piece]) -> Run:
    """The run of these pieces."""
    return Run(
        pieces=tuple(pieces),
        ids=tuple([each.id for each in pieces]),
        size=sum([len(each.body) for each in pieces]),
        digest=body_digest(b"".join([each.digest for each in pieces])),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around the pieces, and between each two of them."""

    head: bytes
    tail: bytes
    between: bytes = b""


class Joined:
    """The bytes are put together when somebody asks for them, once."""

    def __init__(self, frame: Frame, runs: Sequence[Run]) -> None:
        self.frame = frame
        self.runs = tuple(runs)
        self.size = joined_size(frame, runs)

    @property
    def pieces(self) -> list[Piece]:
        return [piece for run in self.runs for piece in run.pieces]

    @cached_property
    def body(self) -> bytes:
        frame = self.frame
        return b"".join((frame.head, frame.between.join(p.body for p in self.pieces), frame.tail))

    @cached_property
    def digest(self) -> bytes:
        """16 bytes: equal for equal bytes, in every process, without looking at all of them.

        Where a document of a format is cut into pieces and runs is seen in its bytes.
        """
        ends = (body_digest(self.frame.head), body_digest(self.frame.tail))
        return body_digest(b"".join((*ends, *map(_DIGEST, self.runs))))


def in_one(body: bytes) -> Joined:
    """A document that has no pieces."""
    return Joined(Frame(head=body, tail=b""), ())


def joined_size(frame: Frame, runs: Sequence[Run]) -> int:
    """How many bytes that makes."""
    count = sum([len(run.pieces) for run in runs])
    between = len(frame.between) * max(count - 1, 0)
    return len(frame.head) + sum([run.size for run in runs]) + between + len(frame.tail)


def are_once(runs: Sequence[Run]) -> bool:
    """Whether no two pieces have the same id."""
    ids = set[str]().union(*map(_IDS, runs))
    return len(ids) == sum([len(run.ids) for run in runs])
