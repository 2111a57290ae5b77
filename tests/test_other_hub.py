"""Our subscriber at a hub that others wrote: Flask-WebSub's.

Skipped unless FLASK_WEBSUB names a Python that has it:

    python3 -m venv /tmp/hub && /tmp/hub/bin/pip install 'flask-websub[celery]'
    FLASK_WEBSUB=/tmp/hub/bin/python .venv/bin/pytest tests/test_other_hub.py
"""

import asyncio
import os
import sqlite3
import subprocess
import time
from contextlib import closing, contextmanager
from urllib.parse import urlencode

import pytest

from tests.loopback import free_port, loopback, rss
from tests.scripted_hub import request
from tests.test_daemon import rewrite
from tests.test_pushing import ON_TIME, place, running, serves, until

PYTHON = os.environ.get("FLASK_WEBSUB", "")

pytestmark = pytest.mark.skipif(not PYTHON, reason="FLASK_WEBSUB names no Python that has it")

# The tasks run within the request: subscriptions are verified before they are answered.
HUB = """
import sys
from celery import Celery
from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage

celery = Celery("hub")
celery.conf.update(task_always_eager=True)
hub = Hub(SQLite3HubStorage(sys.argv[2]), celery, MAX_ATTEMPTS=1,
          SIGNATURE_ALGORITHM=sys.argv[3])
app = Flask("hub")
app.config["PUBLISH_SUPPORTED"] = True
app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))
app.run(port=int(sys.argv[1]), threaded=True)
"""


@contextmanager
def other_hub(tmp_path, method):
    port = free_port()
    command = [PYTHON, "-c", HUB, str(port), str(tmp_path / "hub.sqlite3"), method]
    with (tmp_path / "hub.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}/hub"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
async def test_b5_subscriber_another_hub_pushes_to_us(tmp_path, method):
    with loopback(a=b"") as site, other_hub(tmp_path, method) as hub:
        topic = f"{site.origin}/a"
        site.documents["/a"] = rss("a", "one")
        site.headers["Link"] = f'<{hub}>; rel="hub", <{topic}>; rel="self"'

        async def listening() -> bool:
            try:
                return bool(await request("GET", hub))
            except OSError:
                return False

        await until(listening)
        config, url = place(tmp_path, site)
        async with running(config) as watch:

            async def said(what: str) -> bool:
                return any(event == what for event, _ in watch.lines)

            await until(lambda: said("subscribed"))
            site.documents["/a"] = rss("a", "two", "one")
            started = time.monotonic()
            form = urlencode({"hub.mode": "publish", "hub.topic": topic}).encode()
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            told = asyncio.create_task(request("POST", hub, form, **kind))
            await until(lambda: serves(f"{url}feed.json", b"two of a"))
            took = time.monotonic() - started
            await told

            assert took < ON_TIME
            assert await said("pushed")

            async def unsubscribed() -> bool:
                with closing(sqlite3.connect(tmp_path / "hub.sqlite3")) as database:
                    return not list(database.execute("SELECT * FROM hub"))

            assert not await unsubscribed()
            rewrite(config, f"{config.read_text()}\n[websub]\nsubscribe = false\n")
            await until(unsubscribed)
