"""Who polls in a comparison: our service, and bare parts. Each in a process of its own."""

import json
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from benchmarks.floor import entries_in
from benchmarks.origin import host_of
from benchmarks.processes import Child

CONFIG = """\
[site]
title = "Polls"

[database]
url = "sqlite:///{database}"

[fetch]
per_host_delay = "0s"
allow_networks = ["127.0.0.0/8"]

"""


_OTHER_WORKER = """\
#!/bin/sh
for each do
  shift
  [ "$each" = aggregator.cage.worker ] && each=benchmarks.whole_worker
  set -- "$@" "$each"
done
exec {python} "$@"
"""
"""A Python for reading processes that starts another module of ours."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a side works, and what it polls. `client` is what the origin knows it as."""

    home: Path
    client: str
    port: int
    sources: int
    root: Path | None = None
    """The certificate to trust; None: plain HTTP."""

    @property
    def urls(self) -> list[str]:
        scheme = "https" if self.root else "http"
        return [
            f"{scheme}://{host_of(source)}:{self.port}/{self.client}/{source}"
            for source in range(self.sources)
        ]


@dataclass(kw_only=True)
class Side(ABC):
    name: ClassVar[str]
    place: Place
    child: Child

    @property
    def started(self) -> float:
        """CPU seconds until it could poll."""
        return float(self.child.ready["cpu"])

    @staticmethod
    async def missing() -> str | None:
        """Why it cannot take part."""
        return None

    @classmethod
    @abstractmethod
    async def start(cls, place: Place) -> Self: ...

    async def play(self) -> dict[str, Any]:
        """One poll of every source."""
        played: dict[str, Any] = await self.child.ask(do="round")
        return played

    @abstractmethod
    def entries(self) -> int:
        """What it has stored."""


class FloorSide(Side):
    name = "floor"

    @classmethod
    async def start(cls, place: Place) -> Self:
        asked = {
            "port": place.port,
            "client": place.client,
            "sources": place.sources,
            "root": str(place.root) if place.root else None,
            "database": str(place.home / "entries.db"),
        }
        return cls(place=place, child=await Child.start("benchmarks.floor", json.dumps(asked)))

    def entries(self) -> int:
        return entries_in(self.place.home / "entries.db")


class OurSide(Side):
    name = "aggregator"
    options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def environ(cls, place: Place) -> dict[str, str]:
        return {"AGGREGATOR_BENCH_ROOT": str(place.root)} if place.root else {}

    @classmethod
    async def start(cls, place: Place) -> Self:
        config = configure(place)
        child = await Child.start(
            "benchmarks.poll_service",
            str(config),
            *cls.options,
            environ=cls.environ(place),
            log=place.home / "log",
        )
        return cls(place=place, child=child)

    def entries(self) -> int:
        return entries_in(self.place.home / "entries.db")


class FeedparserOnlySide(OurSide):
    """As it would be if feedparser itself read every document."""

    name = "aggregator, feedparser only"

    @classmethod
    def environ(cls, place: Place) -> dict[str, str]:
        python = place.home / "python"
        python.write_text(_OTHER_WORKER.format(python=sys.executable), "utf-8")
        python.chmod(0o755)
        return {**super().environ(place), "AGGREGATOR_BENCH_PYTHON": str(python)}


def checkout(folder: Path) -> type[OurSide]:
    """Our service as it is in another working tree."""

    class OtherSide(OurSide):
        name = f"that in {folder.name}"

        @classmethod
        def environ(cls, place: Place) -> dict[str, str]:
            return {**super().environ(place), "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}

    return OtherSide


def configure(place: Place, head: str = CONFIG) -> Path:
    """Writes a configuration with all sources of the place, every entry of which is wanted."""
    config = place.home / "config.toml"
    listed = [
        f'[sources.s{source}]\nbackfill = "all"\nurl = "{url}"\n'
        for source, url in enumerate(place.urls)
    ]
    config.write_text(head.format(database=place.home / "entries.db") + "".join(listed), "utf-8")
    return config
