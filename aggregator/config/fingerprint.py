"""Whether a file was changed, asked every few seconds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aggregator.core.digest import body_digest

_SETTLED = timedelta(seconds=2)
"""A file may be written twice within the precision of its times; some file systems keep seconds."""

_State = tuple[int, int, int, int]


class Fingerprint:
    """A digest of a file's bytes: some editors write a file without moving its time. It is read
    only where the file system says that somebody wrote to it; nobody can set back the time of
    that (`st_ctime`). `now` is the wall clock.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._path = path
        self._now = now
        self._state: _State | None = None
        self._digest: bytes | None = None

    def take(self) -> bytes | None:
        """None where the file cannot be read."""
        try:
            found = self._path.stat()
            state = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if state == self._state:
                return self._digest
            self._digest = body_digest(self._path.read_bytes())
        except OSError:
            self._state = None
            return None
        written = datetime.fromtimestamp(found.st_ctime, UTC)
        self._state = state if written < self._now() - _SETTLED else None
        return self._digest
