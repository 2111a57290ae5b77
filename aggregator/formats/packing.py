"""Bodies, packed in the codings of HTTP.

The levels are those beyond which more time buys next to nothing: 500 KB of a feed take each of
them ten milliseconds or less, and what brotli and zstd make is a sixth smaller than gzip's. A large
body changes as often as a small one: it is packed in a third of the time, and still no longer than
gzip makes it.
"""

import gzip
import sys
from typing import Literal, get_args

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Coding = Literal["br", "zstd", "gzip"]

CODINGS: tuple[Coding, ...] = get_args(Coding)
"""The smallest first."""

GZIP_LEVEL = 6
_BROTLI_QUALITY = 5
_ZSTD_LEVEL = 6
"""Its window is no larger than the 8 MB that HTTP allows (RFC 9659)."""

_LARGE = 1_000_000
"""Bytes."""
_BROTLI_QUALITY_OF_LARGE = 2
_ZSTD_LEVEL_OF_LARGE = 3


def pack(body: bytes, coding: Coding) -> bytes:
    """The same bytes for the same body: no time stamp in it."""
    large = len(body) > _LARGE
    match coding:
        case "br":
            quality = _BROTLI_QUALITY_OF_LARGE if large else _BROTLI_QUALITY
            packed: bytes = brotli.compress(body, quality=quality)
        case "zstd":
            packed = zstd.compress(body, _ZSTD_LEVEL_OF_LARGE if large else _ZSTD_LEVEL)
        case "gzip":
            packed = gzip.compress(body, compresslevel=GZIP_LEVEL, mtime=0)
    return packed
