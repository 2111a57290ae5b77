"""The other programs of a comparison, each told to poll as it polls best."""

import asyncio
import os
import re
import shutil
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Any, ClassVar, Self

from benchmarks.poll_sides import Place, Side
from benchmarks.processes import Child

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aggregator-benchmarks"
READER = ("reader>=3.26,<4", "sgmllib3k>=1,<2")
"""feedparser imports sgmllib3k, which reader does not bring along."""

_SFEEDRC = """\
sfeedpath="{home}/feeds"
maxjobs=8
fetch() {{
	curl --compressed -L --max-redirs 0 -H "User-Agent:" -f -s -m 15 \\
		--etag-compare "{home}/etags/$1" --etag-save "{home}/etags/$1" "$2" 2>/dev/null
}}
feeds() {{
{feeds}
}}
"""


class FeedparserSide(Side):
    name = "feedparser alone"
    _found = 0

    @classmethod
    async def start(cls, place: Place) -> Self:
        child = await Child.start("benchmarks.peer_feedparser", str(write_urls(place)))
        return cls(place=place, child=child)

    async def play(self) -> dict[str, Any]:
        played = await super().play()
        self._found = played["found"]
        return played

    def entries(self) -> int:
        return self._found


class ReaderSide(FeedparserSide):
    name = "reader"

    @staticmethod
    async def missing() -> str | None:
        if reader_python().exists():
            return None
        folder = reader_python().parents[1]
        print(f"     installing {' '.join(READER)} into {folder}", file=sys.stderr)
        failed = await _failure(sys.executable, "-m", "venv", "--clear", str(folder))
        failed = failed or await _failure(
            str(reader_python()), "-m", "pip", "install", "--quiet", *READER
        )
        if failed:
            shutil.rmtree(folder, ignore_errors=True)
            return f"it cannot be installed: {failed}"
        return None

    @classmethod
    async def start(cls, place: Place) -> Self:
        arguments = str(write_urls(place)), str(place.home / "reader.db")
        python = str(reader_python())
        child = await Child.start("benchmarks.peer_reader", *arguments, python=python)
        return cls(place=place, child=child)


class CommandSide(Side):
    """One that is started for each round."""

    program: ClassVar[str]

    @classmethod
    async def missing(cls) -> str | None:
        return None if shutil.which(cls.program) else f"{cls.program} is not installed"

    @classmethod
    async def run(cls, place: Place, *command: str) -> Self:
        child = await Child.start(
            "benchmarks.peer_command",
            str(place.sources),
            *command,
            environ={"HOME": str(place.home), "LANG": "C.UTF-8"},
        )
        return cls(place=place, child=child)


class SfeedSide(CommandSide):
    name = "sfeed, with ETags"
    program = "sfeed_update"

    @classmethod
    async def start(cls, place: Place) -> Self:
        for folder in ("feeds", "etags"):
            (place.home / folder).mkdir()
        listed = [f'\tfeed "s{number}" "{url}"' for number, url in enumerate(place.urls)]
        settings = place.home / "sfeedrc"
        settings.write_text(_SFEEDRC.format(home=place.home, feeds="\n".join(listed)), "utf-8")
        return await cls.run(place, cls.program, str(settings))

    def entries(self) -> int:
        files = (self.place.home / "feeds").iterdir()
        return sum(file.read_bytes().count(b"\n") for file in files)


class NewsboatSide(CommandSide):
    name = "newsboat"
    program = "newsboat"

    @classmethod
    async def start(cls, place: Place) -> Self:
        settings = place.home / "settings"
        settings.write_text("max-items 0\nreload-threads 10\n", "utf-8")
        files = ("-u", str(write_urls(place)), "-C", str(settings), "-c", str(place.home / "cache"))
        return await cls.run(place, cls.program, *files, "-x", "reload")

    def entries(self) -> int:
        with sqlite3.connect(self.place.home / "cache") as connection:
            return int(connection.execute("SELECT count(*) FROM rss_item").fetchone()[0])


def write_urls(place: Place) -> Path:
    path = place.home / "urls"
    path.write_text("\n".join(place.urls) + "\n", "utf-8")
    return path


def reader_python() -> Path:
    """Of the environment that the library reader has to itself."""
    names = "-".join(re.sub(r"\W+", "_", one) for one in READER)
    return CACHE / names / "bin" / "python"


async def _failure(*command: str) -> str | None:
    """What a command that failed said last."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
        )
    except OSError as error:
        return str(error)
    _, said = await process.communicate()
    lines = said.decode(errors="replace").splitlines() or [f"{command[0]} failed"]
    return lines[-1] if process.returncode else None
