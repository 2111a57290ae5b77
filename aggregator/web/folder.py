"""A folder of files for any web server: each whole at every moment, and only ours are touched.

lock       one run at a time                                (.aggregator.lock)
| list     of the files that are ours, before each is made  (.aggregator-files)
| put      beside its place, forced to the disk, renamed; nothing where the bytes are the same
| finish   what was ours and is no more goes

`PATH.gz` stands beside every file, for servers that look for it. It is renamed first: where the
plain file is up to date, so is the packed one.
"""

import fcntl
import gzip
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO

from aggregator.core.errors import CannotPublish

_LOCK = ".aggregator.lock"
_LIST = ".aggregator-files"
_UNFINISHED = ".aggregator-{}.tmp"


class FolderBusy(CannotPublish):
    """Another run is at work there, and will be done."""


@dataclass(slots=True)
class Written:
    """What a run did, in files."""

    written: int = 0
    unchanged: int = 0
    removed: int = 0


class Folder:
    """What one run does in the folder. Every method raises CannotPublish when it cannot."""

    def __init__(self, path: Path, listing: TextIO, ours: set[str]) -> None:
        self._path = path
        self._listing = listing
        self._ours = ours
        self._present: set[str] = set()
        self.done = Written()

    def put(self, name: str, body: bytes) -> None:
        """Makes this file what the web server finds at the address `name`."""
        path = self._path / name
        self._present |= {name, f"{name}.gz"}
        with _told(path):
            if _holds(path, body) and path.with_name(f"{path.name}.gz").is_file():
                self.done.unchanged += 1
                return
            self._claim(name, f"{name}.gz")
            path.parent.mkdir(parents=True, exist_ok=True)
            _replace(path, body)
        self.done.written += 1

    def _claim(self, *names: str) -> None:
        """What a crash leaves behind is known to be ours."""
        for name in names:
            if name not in self._ours:
                self._ours.add(name)
                self._listing.write(f"{name}\n")
        self._listing.flush()

    def finish(self) -> None:
        """Removes what was ours and was not put this time."""
        with _told(self._path):
            for name in self._ours - self._present:
                path = self._path / name
                if not path.is_dir():
                    path.unlink(missing_ok=True)
                    self.done.removed += not name.endswith(".gz")
                _drop_empty(path.parent, self._path)
            lines = "".join(f"{name}\n" for name in sorted(self._present))
            _write_over(self._path / _LIST, lines.encode())


@contextmanager
def opened(path: Path) -> Iterator[Folder]:
    """The folder, made where only itself is missing. Raises FolderBusy and CannotPublish."""
    with _told(path):
        _make(path)
        lock = (path / _LOCK).open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderBusy(f"somebody else is writing {path}") from None
        with _told(path):
            ours = _listed(path)
            _clean(path, ours)
            listing = (path / _LIST).open("a", encoding="utf-8")
        with listing:
            yield Folder(path, listing, ours)


def _make(path: Path) -> None:
    """Not its parents: one that is missing is a slip of the pen, or a disk that is not mounted."""
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError:
        raise CannotPublish(f"cannot write {path}: it is there and no folder") from None
    except FileNotFoundError:
        raise CannotPublish(f"cannot write {path}: make the folder {path.parent} first") from None


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # the latter for a name with a NUL in it
        why = getattr(error, "strerror", None) or error
        raise CannotPublish(
            f"cannot write {path}: {why}; what was published before is still there"
        ) from error


def _listed(folder: Path) -> set[str]:
    """Our files of earlier runs. A name that leads out of the folder is none of ours."""
    try:
        lines = (folder / _LIST).read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return set()
    return {line for line in lines if line and _is_inside(PurePosixPath(line))}


def _is_inside(name: PurePosixPath) -> bool:
    return not name.is_absolute() and ".." not in name.parts


def _clean(folder: Path, ours: set[str]) -> None:
    """Files that a run before us did not finish; nobody else is at work now."""
    for place in {folder, *((folder / name).parent for name in ours)}:
        for path in place.glob(_UNFINISHED.format("*")):
            path.unlink(missing_ok=True)


def _holds(path: Path, body: bytes) -> bool:
    try:
        return path.stat().st_size == len(body) and path.read_bytes() == body
    except (FileNotFoundError, NotADirectoryError):
        return False


def _replace(path: Path, body: bytes) -> None:
    packed = path.with_name(f"{path.name}.gz")
    with (
        _unfinished(path.parent, body) as plain,
        _unfinished(path.parent, gzip.compress(body, mtime=0)) as small,
    ):
        made_at = plain.stat().st_mtime_ns
        os.utime(small, ns=(made_at, made_at))  # servers compare the two
        small.replace(packed)
        plain.replace(path)


def _write_over(path: Path, body: bytes) -> None:
    with _unfinished(path.parent, body) as unfinished:
        unfinished.replace(path)


@contextmanager
def _unfinished(folder: Path, body: bytes) -> Iterator[Path]:
    """A file with these bytes, on the disk for good; gone in the end, unless it was renamed."""
    path = folder / _UNFINISHED.format(secrets.token_hex(8))
    try:
        with path.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _drop_empty(folder: Path, top: Path) -> None:
    while folder != top:
        with suppress(OSError):  # others have files in it
            folder.rmdir()
        folder = folder.parent
