"""Documents in runs of pieces, packed with gzip so that what stays the same is not packed again.

| deflated     each run by itself: later ones refer to nothing in it
| gzipped      all of them, in one member (RFC 1952), as every client can read it

A run is eight pieces long on average. Of a thousand entries of real feeds that takes a twentieth
more bytes than packing all at once, and a hundredth of the time when an entry is new.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aggregator.core.digest import body_digest
from aggregator.core.joined import Joined, Run
from aggregator.formats.packing import GZIP_LEVEL

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""No name and no time, by a system that nobody has to know (RFC 1952 §2.3)."""

_END = zlib.compressobj(wbits=-zlib.MAX_WBITS).flush()
"""The last block, with nothing in it."""


@dataclass(frozen=True, slots=True)
class Packable:
    """A part of a document. Equal keys are of equal bytes."""

    key: bytes
    body: tuple[bytes, ...]


def runs_of(text: Joined) -> list[Packable]:
    """All of a document."""
    frame = text.frame
    between = [b"" if n == 0 else frame.between for n in range(len(text.runs))]
    return [
        _alone(frame.head),
        *(_run(run, before, frame.between) for run, before in zip(text.runs, between, strict=True)),
        _alone(frame.tail),
    ]


def _run(run: Run, before: bytes, between: bytes) -> Packable:
    key = body_digest(before + run.digest)
    return Packable(key, (before, between.join([piece.body for piece in run.pieces])))


def _alone(body: bytes) -> Packable:
    return Packable(body_digest(body), (body,))


def deflated(run: Packable) -> bytes:
    """The run as deflate packs it (RFC 1951), in whole bytes."""
    packer = zlib.compressobj(GZIP_LEVEL, wbits=-zlib.MAX_WBITS)
    packed = [packer.compress(part) for part in run.body]
    return b"".join((*packed, packer.flush(zlib.Z_FULL_FLUSH)))


def gzipped(runs: Sequence[Packable], packed: Iterable[bytes]) -> bytes:
    """The document, of its runs as they are and as they were packed."""
    checksum, size = 0, 0
    for run in runs:
        for part in run.body:
            checksum, size = zlib.crc32(part, checksum), size + len(part)
    ends = checksum.to_bytes(4, "little") + (size % 2**32).to_bytes(4, "little")
    return b"".join((_HEAD, *packed, _END, ends))
