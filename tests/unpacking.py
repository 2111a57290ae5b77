"""What takes the codings of HTTP apart, as a client would."""

import gzip
import sys

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LARGEST_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
"""8 MB: RFC 9659 §3."""


def _unpack_zstd(body: bytes) -> bytes:
    return zstd.decompress(body, options=LARGEST_WINDOW)


UNPACK = {"br": brotli.decompress, "zstd": _unpack_zstd, "gzip": gzip.decompress}
