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


_BODY, _DIGEST = attrgetter("body"), attrgetter("digest")


def piece(id: str, body: bytes) -> Piece:
    """The piece with these bytes."""
    return Piece(id=id, body=body, digest=body_digest(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What stands around the pieces, and between each two of them."""

    head: bytes
    tail: bytes
    between: bytes = b""


class Joined:
    """The bytes are put together when somebody asks for them, once."""

    def __init__(self, frame: Frame, pieces: Sequence[Piece]) -> None:
        self.frame = frame
        self.pieces = tuple(pieces)
        self.size = joined_size(frame, pieces)

    @cached_property
    def body(self) -> bytes:
        frame = self.frame
        return b"".join((frame.head, frame.between.join(p.body for p in self.pieces), frame.tail))

    @cached_property
    def digest(self) -> bytes:
        """16 bytes: equal for equal bytes, in every process, without looking at all of them.

        Where a document of a format is cut into pieces is seen in its bytes.
        """
        ends = (body_digest(self.frame.head), body_digest(self.frame.tail))
        return body_digest(b"".join((*ends, *map(_DIGEST, self.pieces))))


def in_one(body: bytes) -> Joined:
    """A document that has no pieces."""
    return Joined(Frame(head=body, tail=b""), ())


def joined_size(frame: Frame, pieces: Sequence[Piece]) -> int:
    """How many bytes that makes."""
    between = len(frame.between) * max(len(pieces) - 1, 0)
    return len(frame.head) + sum(map(len, map(_BODY, pieces))) + between + len(frame.tail)
