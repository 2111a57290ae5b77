"""Three readers as their users run them, each with a home of its own, and what they have kept."""

import email
import email.policy
import os
import shutil
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import ClassVar

FORMATS = ("atom", "rss")


class Reader(ABC):
    """Subscribes to one feed a format; `seen` counts how often each id was shown as new."""

    name: ClassVar[str]
    program: ClassVar[str]

    def __init__(self, home: Path, site: str) -> None:
        self.home = home / self.name
        self.home.mkdir()
        self.feeds = {format: f"{site}feed.{format}" for format in FORMATS}
        self.prepare()

    @classmethod
    def is_there(cls) -> bool:
        return shutil.which(cls.program) is not None

    def run(self, *command: str) -> None:
        environment = os.environ | {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home)}
        done = subprocess.run(  # noqa: S603  # the readers under trial
            command, env=environment, capture_output=True, timeout=120, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr.decode()[-500:]}")

    @abstractmethod
    def prepare(self) -> None: ...

    @abstractmethod
    def poll(self) -> None: ...

    @abstractmethod
    def seen(self, format: str) -> Counter[str]: ...


class Newsboat(Reader):
    """A cache a feed: it knows an item by its guid, whichever feed brings it.

    Its user reads all that is unread after each poll.
    """

    name = "newsboat"
    program = "newsboat"

    def prepare(self) -> None:
        self._read: dict[str, Counter[str]] = {format: Counter() for format in FORMATS}
        (self.home / "config").write_text("")
        for format, url in self.feeds.items():
            (self.home / f"{format}.urls").write_text(f"{url}\n")

    def poll(self) -> None:
        for format in self.feeds:
            mine = self.home / format
            files = ("-c", f"{mine}.db", "-u", f"{mine}.urls", "-C", str(self.home / "config"))
            self.run(self.program, *files, "-x", "reload")
            with sqlite3.connect(f"{mine}.db") as cache:
                unread = cache.execute("SELECT guid FROM rss_item WHERE unread = 1")
                self._read[format].update(guid for (guid,) in unread)
                cache.execute("UPDATE rss_item SET unread = 0")

    def seen(self, format: str) -> Counter[str]:
        return self._read[format]


class Sfeed(Reader):
    """With the conditional requests of curl: sfeed itself leaves fetching to its configuration.

    It shows an item again when its title or link changes; so its lines are counted by id.
    """

    name = "sfeed"
    program = "sfeed_update"

    def prepare(self) -> None:
        feeds = "\n".join(f'feed "{name}" "{url}"' for name, url in self.feeds.items())
        (self.home / "sfeedrc").write_text(f"""\
sfeedpath="{self.home}/feeds"
fetch() {{
  tag="{self.home}/$1.etag"
  curl -sf -m 15 -A sfeed --compressed --etag-compare "$tag" --etag-save "$tag" "$2"
}}
feeds() {{
{feeds}
}}
""")

    def poll(self) -> None:
        # A 304 brings an empty document, which it calls a failure; the items stay.
        try:
            self.run(self.program, str(self.home / "sfeedrc"))
        except RuntimeError as error:
            if "parse" in str(error) or "fetch" in str(error):
                return
            raise

    def seen(self, format: str) -> Counter[str]:
        lines = (self.home / "feeds" / format).read_text().splitlines()
        rows = {(fields[5], fields[1], fields[2]) for fields in (one.split("\t") for one in lines)}
        ids = Counter(row[0] for row in rows)
        return Counter(dict.fromkeys(ids, 1))


class Rss2email(Reader):
    """feedparser's own requests: conditional, and with A-IM: feed."""

    name = "rss2email"
    program = "r2e"

    def prepare(self) -> None:
        maildir = self.home / "Maildir"
        for folder in ("cur", "new", "tmp"):
            (maildir / "INBOX" / folder).mkdir(parents=True)
        self.files = ("-c", str(self.home / "r2e.cfg"), "-d", str(self.home / "r2e.json"))
        self.run(self.program, *self.files, "new", "me@reader.example")
        config = self.home / "r2e.cfg"
        text = config.read_text().replace("email-protocol = sendmail", "email-protocol = maildir")
        config.write_text(text.replace("maildir-path = ~/Maildir", f"maildir-path = {maildir}"))
        for name, url in self.feeds.items():
            self.run(self.program, *self.files, "add", name, url)

    def poll(self) -> None:
        self.run(self.program, *self.files, "run")

    def seen(self, format: str) -> Counter[str]:
        found: Counter[str] = Counter()
        for file in (self.home / "Maildir" / "INBOX" / "new").iterdir():
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            if mail["X-RSS-Feed"] == self.feeds[format]:
                found["".join(str(mail["X-RSS-ID"]).split())] += 1
        return found


READERS: tuple[type[Reader], ...] = (Newsboat, Sfeed, Rss2email)
