"""The same data makes the same bytes, whenever, wherever and from whichever database."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aggregator.store.copying import copy_database
from tests.published_site import published_from, stock

ROOT = Path(__file__).parent.parent

SURROUNDINGS = {
    "another time zone": {"TZ": "Asia/Kolkata"},
    "another locale": {"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "tr"},
    "no locale": {"LC_ALL": "C", "TZ": "America/St_Johns"},
    "another seed of hashes": {"PYTHONHASHSEED": "12345"},
    "yet another seed": {"PYTHONHASHSEED": "0", "TZ": "Pacific/Kiritimati"},
}


@pytest.fixture
async def url(tmp_path):
    url = f"sqlite:///{tmp_path}/planet.db"
    await stock(url)
    return url


async def test_all_of_the_site_is_there(url):
    found = await published_from(url)

    assert {"feed.atom", "feed.rss", "feed.json", "opml.xml", "index.html"} <= set(found)
    assert {"sources/a.atom", "tags/中文.json", "publications/few.rss"} <= set(found)


async def test_another_day_changes_no_byte(url):
    assert await published_from(url, days=1) == await published_from(url)


@pytest.mark.parametrize("changes", SURROUNDINGS.values(), ids=SURROUNDINGS)
async def test_another_machine_changes_no_byte(url, changes):
    here = await published_from(url)

    assert await asyncio.to_thread(published_elsewhere, url, changes) == here


def published_elsewhere(url: str, changes: dict[str, str]) -> dict[str, str]:
    """By a process with such surroundings, more than a year later."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.published_site", url, "400"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "random", **changes},
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    found: dict[str, str] = json.loads(ran.stdout)
    return found


async def test_another_database_changes_no_byte(url, empty_postgres, tmp_path):
    back = f"sqlite:///{tmp_path}/back.db"
    await copy_database(url, empty_postgres, lambda *_: None)
    await copy_database(empty_postgres, back, lambda *_: None)

    assert await published_from(empty_postgres) == await published_from(url)
    assert await published_from(back) == await published_from(url)
