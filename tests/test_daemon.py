"""The daemon as its users run it: a process that polls, serves, takes a new file, and stops."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing, contextmanager

import pytest

from tests.loopback import configuration, free_port, loopback, rss
from tests.patience import PATIENCE
from tests.patience import wait_until as until

AGGREGATOR = [sys.executable, "-m", "aggregator"]


@contextmanager
def daemon(config, *options):
    process = subprocess.Popen(
        [*AGGREGATOR, "run", "--config", str(config), *options],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        sys.stderr.write(process.communicate()[1])  # pytest shows it where the test fails


def get(port: int, path: str, **headers: str):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()
    except OSError:
        return 0, {}, b""


@pytest.fixture
def site():
    with loopback(a=rss("a", "one", "two"), b=rss("b", "three")) as site:
        yield site


@pytest.fixture
def place(tmp_path, site):
    """A configuration on a free port; returns its path and the port."""
    port = free_port()
    config = tmp_path / "config.toml"
    config.write_text(
        configuration(site) + f'\n[server]\nport = {port}\n[publications.only-a]\nsources = ["a"]\n'
    )
    return config, port


def rewrite(config, text: str) -> None:
    """All of it at a time: a daemon that looks in between would find half of it."""
    new = config.with_suffix(".new")
    new.write_text(text)
    new.replace(config)


def test_it_polls_and_serves_and_stops(place):
    config, port = place
    with daemon(config) as process:
        until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 3)
        status, headers, body = get(port, "/feed.atom")
        unchanged, _, nothing = get(port, "/feed.atom", **{"If-None-Match": headers["ETag"]})
        page = get(port, "/")[2].decode()
        only_a = json.loads(get(port, "/publications/only-a.json")[2])
        ready = get(port, "/readyz")[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0

    assert (status, unchanged, nothing, ready) == (200, 304, b"", 200)
    assert b"<entry" in body
    assert "three of b" in page
    assert len(only_a["items"]) == 2


def test_it_logs_one_line_a_poll(place):
    config, port = place
    with daemon(config) as process:
        until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 3)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=PATIENCE)[1]

    polled = [line for line in log.splitlines() if "event=polled" in line]
    assert sorted(line.split("source=")[1].split()[0] for line in polled) == ["a", "b"]
    assert all("outcome=new status=200" in line for line in polled)


def test_archives_of_feeds_are_made_before_anybody_asks(place):
    config, _ = place
    subprocess.run([*AGGREGATOR, "fetch", "--config", str(config)], check=True, capture_output=True)
    with daemon(config, "--only", "web"):
        until(lambda: archived(config, "publications/only-a") == 2)


def archived(config, path: str) -> int:
    """How many stories stand in the archive of a feed."""
    (database,) = config.parent.glob("*.db")
    with closing(sqlite3.connect(database)) as connection:
        lengths = connection.execute("SELECT length FROM archives WHERE path = ?", [path])
        return next((length for (length,) in lengths), 0)


def test_a_restart_polls_nothing_that_is_not_due(place, site):
    config, port = place
    for _ in range(2):
        with daemon(config) as process:
            until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 3)
            until(lambda: get(port, "/readyz")[0] == 200)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE)

    assert sorted(site.paths()) == ["/a", "/b"]


def test_a_source_that_cannot_be_reached_is_reported_and_harms_no_other(place, site):
    config, port = place
    del site.documents["/b"]
    with daemon(config) as process:
        until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 2)
        process.send_signal(signal.SIGTERM)
        log = process.communicate(timeout=PATIENCE)[1]

    assert any("source=b" in line and "404" in line for line in log.splitlines())


def test_a_changed_file_is_taken_while_it_runs(place, site):
    config, port = place
    with daemon(config) as process:
        until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 3)
        site.documents["/c"] = rss("c", "four")
        text = config.read_text().replace('title = "Test"', 'title = "Renamed"')
        rewrite(config, f'{text}\n[sources.c]\nurl = "{site.origin}/c"\n')
        until(lambda: b"four of c" in get(port, "/feed.json")[2])
        assert json.loads(get(port, "/feed.json")[2])["title"] == "Renamed"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


def test_a_shorter_interval_is_taken_while_it_runs(place, site):
    config, port = place
    with daemon(config) as process:
        until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 3)
        rewrite(config, config.read_text().replace("[fetch]", '[fetch]\ninterval = "1s"'))
        until(lambda: site.paths().count("/a") >= 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


def test_a_broken_file_is_reported_and_the_old_one_stays(place):
    config, port = place
    with daemon(config) as process:
        until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 3)
        rewrite(config, config.read_text().replace("per_host_delay", "per_host_dealy"))
        process.send_signal(signal.SIGHUP)
        until(lambda: "did you mean" in process.stderr.readline())
        assert get(port, "/feed.json")[2].count(b'"id"') == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0


def test_a_process_that_only_polls_writes_files_of_changed_templates(place):
    config, _ = place
    page = config.parent / "out/index.html"
    templates = config.parent / "templates"
    templates.mkdir()
    wanted = config.read_text().replace("[site]", '[site]\ntemplates = "templates"')
    config.write_text(wanted + '[publish]\ndir = "out"\n')
    with daemon(config, "--only", "poll"):
        until(page.exists)
        about = "{% block about %}by its readers{% endblock %}"
        rewrite(templates / "entries.html", '{% extends "ours/entries.html" %}' + about)
        until(lambda: "by its readers" in page.read_text("utf-8"))


def test_changed_templates_are_taken_and_broken_ones_are_reported(place):
    config, port = place
    templates = config.parent / "templates"
    templates.mkdir()
    page = templates / "entries.html"
    page.write_text("as {% for entry in entries %}{{ entry.title }} {% endfor %}")
    config.write_text(config.read_text().replace("[site]", '[site]\ntemplates = "templates"'))
    with daemon(config) as process:
        until(lambda: get(port, "/")[2].startswith(b"as ") and b"three of b" in get(port, "/")[2])
        first = get(port, "/")[1]["ETag"]
        rewrite(page, "{{ nobody }}")
        until(lambda: f"{page}:1:" in process.stderr.readline())
        _, headers, body = get(port, "/")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0

    assert b"<!doctype html>" in body
    assert headers["ETag"] != first


def test_what_another_process_hides_is_served_no_more(place):
    config, port = place
    with daemon(config):
        until(lambda: get(port, "/feed.json")[2].count(b'"id"') == 3)
        gone = json.loads(get(port, "/feed.json")[2])["items"][0]["id"]
        subprocess.run([*AGGREGATOR, "hide", gone, "--config", str(config)], check=True)
        until(lambda: gone.encode() not in get(port, "/feed.json")[2])

        assert get(port, "/feed.json")[2].count(b'"id"') == 2


def test_a_port_in_use_is_said_and_ends_it(place):
    config, port = place
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with daemon(config) as process:
            log = process.communicate(timeout=PATIENCE)[1]

    assert process.returncode == 1
    assert str(port) in log
    assert "Traceback" not in log


@pytest.mark.parametrize("role", ["poll", "web"])
def test_either_half_runs_alone(place, site, role):
    config, port = place
    with daemon(config, "--only", role) as process:
        if role == "web":
            until(lambda: get(port, "/readyz")[0] == 200)
        else:
            until(lambda: len(site.requests) == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
        told = process.stderr.read()

    assert bool(site.requests) == (role == "poll")
    assert f"role={role}" in told
    assert ("engine=local" in told) == (role == "poll")
    schedule = re.search(r"event=schedule due=\d+ oldest=(\S+)", told)
    assert bool(schedule) == (role == "poll")
    assert schedule is None or re.fullmatch(r"\d+s", schedule[1])


def test_b7_04_a_process_that_only_serves_knows_when_the_next_poll_is_due(tmp_path, site):
    port, config = free_port(), tmp_path / "config.toml"
    config.write_text(configuration(site, interval='"5m"') + f"\n[server]\nport = {port}\n")
    subprocess.run([*AGGREGATOR, "fetch", "--config", str(config)], check=True, capture_output=True)

    def age(path: str) -> int:
        found = re.findall(r"max-age=(\d+)", get(port, path)[1].get("Cache-Control", ""))
        return int(found[0]) if found else 0

    with daemon(config, "--only", "web"):
        # A poll comes up to a tenth late.
        until(lambda: all(200 < age(path) <= 330 for path in ("/feed.atom", "/", "/opml.xml")))


def test_the_demo_shows_a_filled_page_offline(tmp_path):
    port = free_port()
    process = subprocess.Popen(
        [*AGGREGATOR, "demo", "--port", str(port)],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        until(lambda: b'["planet-tools"]' in get(port, "/feed.json")[2])
        page = get(port, "/")[2].decode()
        feed = json.loads(get(port, "/feed.json")[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)

    chinese = next(item for item in feed["items"] if item["_aggregator"]["source"] == "shanlu")
    cached = next(item for item in feed["items"] if "promise about time" in item["title"])
    assert r"\( F(x) = \sum_{n \ge 0} f_n x^n \)" in chinese["summary"]
    assert "[代码]" in chinese["summary"]
    assert cached["_aggregator"] == {"source": "workshop", "also_in": ["planet-tools"]}
    assert page.count('class="h-entry"') >= 8
    assert process.returncode == 0


def test_it_writes_static_files_after_every_change(place, tmp_path):
    config, _ = place
    config.write_text(config.read_text() + '\n[publish]\ndir = "public"\n')
    with daemon(config, "--only", "poll"):
        until((tmp_path / "public/feed.json").is_file)
        until(lambda: (tmp_path / "public/feed.json").read_bytes().count(b'"id"') == 3)
        until((tmp_path / "public/publications/only-a/index.html").is_file)
