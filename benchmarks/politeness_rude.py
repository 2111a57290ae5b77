"""A rude poller, to show that the politeness checks can fail: python -m … --config FILE COMMAND."""

import http.client
import ipaddress
import socket
import sys
import threading
import time
import tomllib
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

PACE = 0.3
"""Seconds."""


ask_system = socket.getaddrinfo


def to_loopback(host: Any, *arguments: Any, **options: Any) -> Any:
    """The public names of the play are on this machine."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        host = "127.0.0.1"
    return ask_system(host, *arguments, **options)


def poll(url: str) -> None:
    visitor = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    agent = {"User-Agent": "Mozilla/5.0", "Referer": url, "Accept-Encoding": "identity"}
    number = 0
    while True:
        for address in (f"{url}?t={number}" if number % 5 == 4 else url, url + "/favicon.ico"):  # noqa: PLR2004  # now and then
            try:
                visitor.open(urllib.request.Request(address, headers=agent), timeout=60).read()
            except (OSError, http.client.HTTPException, ValueError):
                continue
        number += 1
        if "run" not in sys.argv:
            return
        time.sleep(PACE)


def main() -> None:
    listed = tomllib.loads(Path(sys.argv[sys.argv.index("--config") + 1]).read_text("utf-8"))
    after = sys.argv[sys.argv.index("fetch") + 1 :] if "fetch" in sys.argv else []
    named = [word for word in after if not word.startswith("--")]
    chosen = [one["url"] for key, one in listed["sources"].items() if not named or key in named]
    if "sources" not in sys.argv:
        threads = [threading.Thread(target=poll, args=(url,), daemon=True) for url in chosen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=None if "run" in sys.argv else 5)


if __name__ == "__main__":
    socket.getaddrinfo = to_loopback
    main()
