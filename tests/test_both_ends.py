"""Two of us: the one's hub pushes to the other, which follows its feed as a source."""

import asyncio
import json
import sqlite3
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from aggregator.bootstrap import open_service
from aggregator.config.load import load
from aggregator.daemon import Daemon
from aggregator.outbound import open_outbound
from aggregator.pushing import open_pushes
from tests.loopback import configuration, free_port, loopback, rss
from tests.scripted_hub import request
from tests.test_daemon import rewrite
from tests.test_pushing import Quiet, serves, until

HUB = '[websub]\nhub = "own"\nallow_networks = ["127.0.0.0/8"]'


def place(folder: Path, text: str, more: str = "") -> tuple[Path, str]:
    """A configuration on a free port, and the site's address."""
    folder.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    config = folder / "config.toml"
    text = text.replace("[site]", f'[site]\nurl = "{url}"')
    config.write_text(f"{text}\n[server]\nport = {port}\n{more}\n")
    return config, url


@asynccontextmanager
async def running(config: Path):
    """The whole daemon in this process; yields what it says."""
    settings, watch, stop = load(config, {}), Quiet(), asyncio.Event()
    async with (
        open_service(settings, watch=watch) as service,
        open_pushes(service, settings, watch=watch) as pushes,
        open_outbound(service, settings, watch=watch) as outbound,
    ):
        daemon = Daemon(config, {}, settings, service, watch, pushes=pushes, outbound=outbound)
        task = asyncio.create_task(daemon.run(only=None, stop=stop))
        try:
            yield watch
        finally:
            stop.set()
            await task


def following(url: str, format: str) -> str:
    return f"""
[site]
title = "Second"
[fetch]
per_host_delay = "0s"
allow_networks = ["127.0.0.0/8"]
[sources.first]
url = "{url}feed.{format}"
"""


@pytest.mark.parametrize("format", ["atom", "rss", "json"])
async def test_b5_both_ends_our_hub_pushes_to_our_subscriber(tmp_path, format):
    with loopback(a=rss("a", "one")) as site:
        text = configuration(site, interval='"300ms"')
        first, first_url = place(tmp_path / "first", text, HUB)
        second, second_url = place(tmp_path / "second", following(first_url, format))
        async with running(first) as publisher:
            await until(lambda: serves(f"{first_url}feed.json", b"one of a"))
            async with running(second) as follower:
                await until(lambda: said(follower, "subscribed"))
                polls = count(follower, "polled")

                site.documents["/a"] = rss("a", "two", "one")
                await until(lambda: serves(f"{first_url}feed.{format}", b"two of a"))
                # A poll would come after an hour.
                await until(lambda: serves(f"{second_url}feed.json", b"two of a"))

                row = await source(second_url)
                rewrite(second, f"{second.read_text()}\n[websub]\nsubscribe = false\n")
                await until(lambda: ended(first.parent))

    assert count(follower, "pushed") == 1
    assert count(follower, "polled") == polls == 1
    assert count(follower, "failed") == count(publisher, "failed") == 0
    assert (row["hub"], row["hub_state"], row["hub_error"]) == (f"{first_url}hub", "active", None)
    assert row["last_push_at"]


async def said(watch: Quiet, event: str) -> bool:
    return count(watch, event) > 0


def count(watch: Quiet, wanted: str) -> int:
    return sum(event == wanted for event, _ in watch.lines)


async def source(url: str) -> dict[str, Any]:
    body = json.loads((await request("GET", f"{url}api/sources")).body)
    row: dict[str, Any] = body["sources"][0]
    return row


async def ended(folder: Path) -> bool:
    """Whether the hub has no subscription any more."""
    with closing(sqlite3.connect(folder / "aggregator.db")) as database:
        return not list(database.execute("SELECT * FROM deliveries WHERE kind = 'subscription'"))
