"""Bodies, unpacked within a bound: not one byte more is produced than may be kept."""

import zlib
from typing import Literal, Protocol

from aggregator.fetch.failures import FetchFailure

Encoding = Literal["gzip", "deflate"]

_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"


class _Unpacker(Protocol):
    """zlib's decompression object, which has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class BoundedBody:
    """Collects a body. Raises FetchFailure as soon as it is too large, or not what it says."""

    def __init__(self, encoding: Encoding | None, limit: int) -> None:
        self._encoding = encoding
        self._limit = limit
        self._received = 0
        self._body = bytearray()
        self._unpacker: _Unpacker | None = None
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
            self._unpack(chunk)

    def finish(self) -> bytes:
        """The whole body. Raises FetchFailure when its packed form broke off."""
        is_whole = self._unpacker.eof if self._unpacker else not self._pending
        if not is_whole:
            raise FetchFailure("encoding", "the packed body breaks off before its end")
        return bytes(self._body)

    def _unpack(self, chunk: bytes) -> None:
        data = self._pending + chunk
        self._pending = b""
        while data and not self._ended:
            if self._unpacker is not None and not self._unpacker.eof:
                data = self._step(self._unpacker, data)
            elif len(data) < len(_GZIP_MAGIC):
                self._pending, data = data, b""
            elif self._unpacker is None or self._continues(data):
                self._unpacker = self._start(data)
            else:
                self._ended = True

    def _continues(self, data: bytes) -> bool:
        """RFC 1952 §2.2: gzip members may follow each other; anything else behind is padding."""
        return self._encoding == "gzip" and data.startswith(_GZIP_MAGIC)

    def _start(self, data: bytes) -> _Unpacker:
        if self._encoding == "gzip":
            return zlib.decompressobj(_GZIP)
        # RFC 9110 §8.4.1.2: deflate means zlib, but some servers send it without zlib's header.
        has_header = data[0] & 0x0F == zlib.DEFLATED and (data[0] * 256 + data[1]) % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if has_header else _RAW)

    def _step(self, unpacker: _Unpacker, data: bytes) -> bytes:
        """Unpacks `data`; returns what lies behind the packed form's end."""
        room = self._limit - len(self._body)
        try:
            self._body += unpacker.decompress(data, room + 1)
        except zlib.error as error:
            raise FetchFailure("encoding", "the body is not packed as its header says") from error
        if len(self._body) > self._limit:
            raise self._too_large()
        return unpacker.unused_data if unpacker.eof else b""

    def _too_large(self) -> FetchFailure:
        return FetchFailure("too_large", f"the body is larger than {self._limit} bytes")
