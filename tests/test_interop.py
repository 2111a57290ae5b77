"""Our hub with somebody else's subscriber: Flask-WebSub, where FLASK_WEBSUB names a Python with it.

python3 -m venv /tmp/flask && /tmp/flask/bin/pip install flask-websub
FLASK_WEBSUB=/tmp/flask/bin/python make test
"""

import asyncio
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import flask_subscriber
from tests.loopback import free_port, loopback, rss
from tests.patience import PATIENCE, until
from tests.test_deliveries import OWN_HUB, configured, running

PYTHON = os.environ.get("FLASK_WEBSUB", "")

pytestmark = pytest.mark.skipif(not PYTHON, reason="FLASK_WEBSUB names no Python with Flask-WebSub")


class Told:
    """A process that tells what it hears, line by line."""

    def __init__(self, process) -> None:
        self._process = process

    def next(self, event: str) -> dict[str, str]:
        for line in self._process.stdout:
            if line.startswith("{") and (told := json.loads(line))["event"] == event:
                return dict(told)
        pytest.fail(f"it ended before it told of {event}: {self._process.stderr.read()}")

    def say(self, word: str) -> None:
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()


@contextmanager
def flask(feed: str, folder: Path):
    process = subprocess.Popen(
        [PYTHON, flask_subscriber.__file__, feed, str(free_port()), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Told(process)
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("format", ["atom", "rss"])
async def test_flask_websub_finds_our_hub_subscribes_renews_hears_and_leaves(tmp_path, format):
    with loopback(a=rss("a", "one")) as site:
        path, base = configured(tmp_path, site, OWN_HUB)
        topic = f"{base}feed.{format}"
        async with running(path) as watch:
            await until(lambda: watch.brought_at)
            with flask(topic, tmp_path) as told:

                async def hear(event: str) -> dict[str, str]:
                    return await asyncio.wait_for(asyncio.to_thread(told.next, event), PATIENCE)

                assert await hear("found") == {
                    "event": "found",
                    "hub_url": f"{base}hub",
                    "topic_url": topic,
                }
                assert (await hear("subscribe"))["topic"] == topic
                site.documents["/a"] = rss("a", "two", "one")
                assert "two of a" in (await hear("news"))["body"]
                told.say("renew")
                assert (await hear("subscribe"))["topic"] == topic
                told.say("unsubscribe")
                assert (await hear("unsubscribe"))["topic"] == topic
                await until(lambda: any("unsubscribed" in line for line in watch.lines))
