"""Bodies, unpacked within a bound: a little at a time, and not one byte more than may be kept."""

import sys
from typing import Literal, Protocol

import brotli
from isal import isal_zlib

from aggregator.fetch.failures import FetchFailure

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

Encoding = Literal["gzip", "deflate", "br", "zstd"]

STEP = 65_536
"""Bytes that come out at a time; brotli may give half as many more."""

MOST_PARTS = 10_000
"""Parts that a body may be packed in: each costs, however little comes out of it."""

_GZIP = 16 + isal_zlib.MAX_WBITS
_RAW = -isal_zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_SKIPPABLE_MAGIC = b"\x2a\x4d\x18"
"""RFC 8878 §3.1.2: after a byte from 0x50 to 0x5f."""

_ERRORS: tuple[type[Exception], ...] = (
    isal_zlib.error,  # type: ignore[assignment]  # its stubs take the class for one of its own
    brotli.error,
    zstd.ZstdError,
)

_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
"""RFC 9659 §3: nobody may ask for more than 8 MB to unpack what came over HTTP."""

_HEADS: dict[Encoding, int] = {"gzip": 2, "deflate": 2, "br": 1, "zstd": 4}
"""Bytes that must be there to tell what follows."""


class _Unpacker(Protocol):
    """Takes a packed form apart, STEP bytes at a time."""

    @property
    def ended(self) -> bool: ...
    @property
    def rest(self) -> bytes:
        """What lies behind the end."""

    @property
    def is_hungry(self) -> bool:
        """False while more comes out of what it was given."""

    def unpack(self, data: bytes) -> bytes: ...


class BoundedBody:
    """Collects a body. Raises FetchFailure as soon as it is too large, or not what it says."""

    def __init__(self, encoding: Encoding | None, limit: int) -> None:
        self._encoding = encoding
        self._limit = limit
        self._received = 0
        self._body = bytearray()
        self._unpacker: _Unpacker | None = None
        self._parts = 0
        self._pending = b""
        self._ended = False

    def feed(self, chunk: bytes) -> None:
        """Takes what came over the wire."""
        self._received += len(chunk)
        if self._received > self._limit:
            raise self._too_large()
        if self._encoding is None:
            self._body += chunk
        else:
            self._unpack(chunk, self._encoding)

    def finish(self) -> bytes:
        """The whole body. Raises FetchFailure when its packed form broke off."""
        is_whole = self._unpacker.ended if self._unpacker else not self._pending
        if not is_whole:
            raise FetchFailure("encoding", "the packed body breaks off before its end")
        return bytes(self._body)

    def _unpack(self, chunk: bytes, encoding: Encoding) -> None:
        data = self._pending + chunk
        self._pending = b""
        while data and not self._ended:
            if self._unpacker is not None and not self._unpacker.ended:
                data = self._take_apart(self._unpacker, data)
            elif len(data) < _HEADS[encoding]:
                self._pending, data = data, b""
            elif self._unpacker is None or _continues(encoding, data):
                self._unpacker = self._next_part(encoding, data)
            else:
                self._ended = True

    def _next_part(self, encoding: Encoding, data: bytes) -> _Unpacker:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise FetchFailure("encoding", f"the body is packed in more than {MOST_PARTS} parts")
        match encoding:
            case "gzip":
                return _Zlib(_GZIP)
            case "deflate":
                return _Zlib(isal_zlib.MAX_WBITS if _has_zlib_header(data) else _RAW)
            case "br":
                return _Brotli()
            case "zstd":
                return _Zstd()

    def _take_apart(self, unpacker: _Unpacker, data: bytes) -> bytes:
        """Unpacks `data`; returns what lies behind the packed form's end."""
        try:
            self._keep(unpacker.unpack(data))
            while not (unpacker.ended or unpacker.is_hungry):
                self._keep(unpacker.unpack(b""))
        except _ERRORS as error:
            raise _misnamed() from error
        return unpacker.rest if unpacker.ended else b""

    def _keep(self, unpacked: bytes) -> None:
        if len(self._body) + len(unpacked) > self._limit:
            raise self._too_large()
        self._body += unpacked

    def _too_large(self) -> FetchFailure:
        return FetchFailure("too_large", f"the body is larger than {self._limit} bytes")


class _Zlib:
    def __init__(self, window: int) -> None:
        self._stream = isal_zlib.decompressobj(window)
        self.is_hungry = True

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    def unpack(self, data: bytes) -> bytes:
        unpacked = self._stream.decompress(self._stream.unconsumed_tail + data, STEP)
        # zlib may also hold back output when it has taken all input.
        self.is_hungry = len(unpacked) < STEP
        return unpacked


class _Brotli:
    rest = b""
    """Brotli itself raises when more follows."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self.is_hungry = True

    @property
    def ended(self) -> bool:
        return bool(self._stream.is_finished())

    def unpack(self, data: bytes) -> bytes:
        unpacked = bytes(self._stream.process(data, output_buffer_limit=STEP))
        # It calls itself ready for more input when it has output left, but no input.
        self.is_hungry = len(unpacked) < STEP and self._stream.can_accept_more_data()
        return unpacked


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor(options=_WINDOW)

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data

    @property
    def is_hungry(self) -> bool:
        return self._stream.needs_input

    def unpack(self, data: bytes) -> bytes:
        return self._stream.decompress(data, STEP)


def _continues(encoding: Encoding, data: bytes) -> bool:
    """Whether another part follows one that has ended; anything else behind it is padding.

    RFC 1952 §2.2 for gzip, RFC 8878 §3.1 for zstd. Brotli has no parts, and raises by itself
    when the padding comes together with the end: so it does when it comes later.
    """
    match encoding:
        case "gzip":
            return data.startswith(_GZIP_MAGIC)
        case "deflate":
            return False
        case "br":
            raise _misnamed()
        case "zstd":
            is_skippable = data[0] & 0xF0 == 0x50 and data[1:4] == _SKIPPABLE_MAGIC  # noqa: PLR2004  # as in the RFC
            return is_skippable or data.startswith(_ZSTD_MAGIC)


def _has_zlib_header(data: bytes) -> bool:
    """RFC 9110 §8.4.1.2: deflate means zlib, but some servers send it without zlib's header."""
    return data[0] & 0x0F == isal_zlib.DEFLATED and (data[0] * 256 + data[1]) % 31 == 0


def _misnamed() -> FetchFailure:
    return FetchFailure("encoding", "the body is not packed as its header says")
