"""Who polls in a comparison: our service, and bare parts. Each in a process of its own."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

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


@dataclass(kw_only=True)
class Side(ABC):
    """`client` is what the origin knows it as."""

    name: ClassVar[str]
    client: str
    database: Path
    child: Child
    profile: str | None = None

    @property
    def started(self) -> float:
        """CPU seconds until it could poll."""
        return float(self.child.ready["cpu"])

    @classmethod
    @abstractmethod
    async def start(
        cls,
        home: Path,
        *,
        client: str,
        port: int,
        sources: int,
        root: Path | None,
        profile: str | None,
    ) -> Self:
        """`root` is the certificate to trust; None: plain HTTP."""

    async def play(self, number: int) -> dict[str, Any]:  # noqa: ARG002
        """One poll of every source."""
        played: dict[str, Any] = await self.child.ask(do="round")
        return played


class FloorSide(Side):
    name = "floor"

    @classmethod
    async def start(
        cls,
        home: Path,
        *,
        client: str,
        port: int,
        sources: int,
        root: Path | None,
        profile: str | None,
    ) -> Self:
        database = home / "floor.db"
        asked = {
            "port": port,
            "client": client,
            "sources": sources,
            "root": str(root) if root else None,
            "database": str(database),
        }
        child = await Child.start("benchmarks.floor", json.dumps(asked))
        return cls(client=client, database=database, child=child, profile=profile)


class OurSide(Side):
    name = "aggregator"

    @classmethod
    async def start(
        cls,
        home: Path,
        *,
        client: str,
        port: int,
        sources: int,
        root: Path | None,
        profile: str | None,
    ) -> Self:
        config, database = home / "config.toml", home / "ours.db"
        configure(config, database, client=client, port=port, sources=sources, tls=bool(root))
        child = await Child.start(
            "benchmarks.poll_service",
            str(config),
            environ={"AGGREGATOR_BENCH_ROOT": str(root)} if root else {},
            log=home / "log",
        )
        return cls(client=client, database=database, child=child, profile=profile)

    async def play(self, number: int) -> dict[str, Any]:
        """A profile is taken of every round but the first; the last one stays."""
        profile = self.profile if number else None
        played: dict[str, Any] = await self.child.ask(do="round", profile=profile)
        return played


def configure(
    config: Path,
    database: Path,
    *,
    client: str,
    port: int,
    sources: int,
    tls: bool,
    head: str = CONFIG,
) -> None:
    """A configuration with so many sources at the origin, every entry of which is wanted."""
    scheme = "https" if tls else "http"
    config.write_text(
        head.format(database=database)
        + "".join(
            f'[sources.s{source}]\nbackfill = "all"\n'
            f'url = "{scheme}://{host_of(source)}:{port}/{client}/{source}"\n'
            for source in range(sources)
        ),
        "utf-8",
    )
