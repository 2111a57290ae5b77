"""A labelled set: pairs of entries that are the same story, and pairs that only look like it.

`own_pairs` are written by hand or made here. `corpus_pairs` are made of the texts of real feeds,
read where they lie: what is said of each kind is all that is changed in them. The links of two
entries always lead to two hosts and their dates are a day apart, so that neither decides.
"""

import csv
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice, pairwise
from pathlib import Path

from aggregator.core.errors import UnreadableFeed
from aggregator.core.likeness import Told, is_same_story, marks_of
from aggregator.core.model import Entry
from aggregator.core.normalize import normalize
from aggregator.formats.reading import read_feed
from tests.builders import NOON

SNAPSHOTS = 12
"""Of each series, evenly spread."""


LONGEST_WORD = 15
"""Characters; what is longer is a clause of a script without spaces."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    kind: str
    same: bool
    one: Told
    other: Told


def merged(pair: Pair) -> bool:
    """Whether the one is found by its marks when the other comes in, and told to be the same."""
    found = not set(marks_of(pair.one)).isdisjoint(marks_of(pair.other))
    return found and is_same_story(pair.one, pair.other)


def told(title: str, text: str, host: str = "a.example") -> Told:
    at = NOON if host == "a.example" else NOON + timedelta(days=1)
    return Told(title=title, text=" ".join(text.split())[:4096], link=f"https://{host}/1", at=at)


def pair(kind: str, one: tuple[str, str], other: tuple[str, str], *, same: bool) -> Pair:
    return Pair(kind=kind, same=same, one=told(*one), other=told(*other, "b.example"))


ENGLISH = """We spent most of the winter on the scheduler, and it shows. A poll that used to wait
for a free worker now waits for its host, so that a slow server delays nobody but itself. The queue
is a table with an index, and the table survives a power cut. We measured it on a small board with
an old card, with two thousand sources and a link that lost one packet in twenty. Nothing was late
by more than the interval that we had promised, and the memory stayed where it was in the morning.
There is still work to do: the page that lists the sources is slow, and it should not be."""
CHINESE = """这个冬天我们几乎都花在调度器上，效果已经看得出来了。以前一次抓取要等空闲的工作进程，
现在只等它自己的主机，所以一台慢的服务器只会耽误它自己。队列是一张带索引的表，
断电之后还在。我们在一块旧板子上量过，两千个来源，
网络每二十个包丢一个。没有一次抓取比承诺的间隔更晚，内存到早上也没有涨。
还有事情要做：列出来源的页面太慢了，不应该这样。"""
JAPANESE = """この冬はほとんどスケジューラーに費やしました。その成果はもう見えています。
以前は空いているワーカーを待っていましたが、
今では自分のホストだけを待つので、遅いサーバーが遅らせるのは自分自身だけです。
キューは索引のある表で、停電の後も残ります。
古いカードの小さな基板で、二千の情報源を使って測りました。
約束した間隔より遅れたものは一つもありませんでした。"""
TEMPLATE = """We will carry out planned maintenance on the {} platform this weekend. During the work
the service may be slow or may not answer at all, and messages that are sent to it are kept and
delivered afterwards. You do not have to do anything. If you see errors after the end of the work,
please sign out and in again, and write to the team when that does not help. We are sorry for the
trouble and thank you for your patience while we keep everything safe and up to date for you."""
RELEASE = """This release of the library mends what the last one broke and adds nothing new. It is
safe to install over every earlier one. Version {} was built from a clean checkout, signed with the
usual key, and tested on all platforms that we support. Thank you to all who sent reports and
patches; their names are in the list of changes. As always the packages reach the distributions in
the coming days, and the source is on the server now. Please report what you find in the tracker."""
SIGNED = ' The post "Winter" appeared first on A blog about feeds.'


def own_pairs() -> list[Pair]:
    en, zh, ja = ("Winter", ENGLISH), ("冬天", CHINESE), ("冬", JAPANESE)
    half = " ".join(ENGLISH.split()[:60])
    return [
        pair("cross-posted", en, en, same=True),
        pair("cross-posted", zh, zh, same=True),
        pair("cross-posted", ja, ja, same=True),
        pair("cross-posted", en, ("WINTER!", ENGLISH.upper().replace(",", " –")), same=True),
        pair("cross-posted", ("", ENGLISH), ("", ENGLISH), same=True),
        pair("author before the title", en, ("Ann Lee: Winter", ENGLISH), same=True),
        pair("site behind the title", en, ("Winter | A blog", ENGLISH), same=True),
        pair("signed", en, ("Winter", ENGLISH + SIGNED), same=True),
        pair("cut", en, ("Winter", f"{half} […]"), same=True),
        pair("cut", en, ("Winter", f"{half}… Continue reading →"), same=True),
        pair("cut", zh, ("冬天", CHINESE.replace("\n", "")[:120] + "……"), same=True),
        pair("mended a word", en, ("Winter", ENGLISH.replace("shows", "shines")), same=True),
        pair("translated", en, ("Winter", CHINESE), same=False),
        pair("translated", zh, ("冬天", JAPANESE), same=False),
        pair("same title", ("Weekly thread", ENGLISH), ("Weekly thread", JAPANESE), same=False),
        pair("same title", ("Hello", ENGLISH), ("Hello", RELEASE.format("2")), same=False),
        pair("other title", en, ("Spring", ENGLISH), same=False),
        pair("series", ("News 12", TEMPLATE), ("News 13", TEMPLATE), same=False),
        pair("series", ("News, part one", ENGLISH), ("News, part two", ENGLISH), same=False),
        pair("series", ("News", ENGLISH), ("News: part two", ENGLISH), same=False),
        pair("series", ("第12期", CHINESE), ("第13期", CHINESE), same=False),
        pair("series", ("News - 2026", ENGLISH), ("News", ENGLISH), same=False),
        *(
            pair(
                "releases",
                ("Released", RELEASE.format(a)),
                ("Released", RELEASE.format(b)),
                same=False,
            )
            for a, b in [
                ("1.2", "1.3"),
                ("1.2", "2.1"),
                ("2", "2.0.1"),
                ("", "2"),
                ("v2", "v2 rc1"),
            ]
        ),
        *(
            pair(
                "one template",
                ("Maintenance", TEMPLATE.format(a)),
                ("Maintenance", TEMPLATE.format(b)),
                same=False,
            )
            for a, b in [("Acme", "Globex"), ("Acme mail", "Globex mail"), ("邮件", "存储")]
        ),
        pair(
            "short",
            ("Open thread", "Say what you like."),
            ("Open thread", "Say what you like."),
            same=False,
        ),
        pair("short", ("Photo", half[:200]), ("Photo", half[:200]), same=False),
        pair("short", ("Photo", "la la " * 100), ("Photo", "la la " * 100), same=False),
        pair("short", ("图", CHINESE[:80]), ("图", CHINESE[:80]), same=False),
    ]


def corpus_pairs(corpora: Path, *, every: int = 1) -> Iterator[Pair]:
    """Pairs out of every so many of the real feeds and series of snapshots."""
    feeds = [*_real_feeds(corpora, every)]
    yield from _in_two_feeds(feeds)
    for entries in feeds:
        yield from _changed(entries)
        yield from _neighbours(entries)
    for snapshots in _series(corpora, every):
        yield from _edited(snapshots)
        yield from _neighbours(snapshots[-1])


def _real_feeds(corpora: Path, every: int) -> Iterator[list[Entry]]:
    with (corpora / "feeds.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "real"]
    for row in islice(rows, 0, None, every):
        yield _read((corpora / "feeds" / row["path"]).read_bytes())


def _series(corpora: Path, every: int) -> Iterator[list[list[Entry]]]:
    """Snapshots of one feed each, the oldest first."""
    for archive in islice(sorted((corpora / "history").glob("*.tar.xz")), 0, None, every):
        with tarfile.open(archive) as tar:
            names = sorted(name for name in tar.getnames() if name.endswith(".xml"))
            chosen = names[:: max(1, len(names) // SNAPSHOTS)]
            bodies = [file.read() for name in chosen if (file := tar.extractfile(name))]
        if bodies:
            yield [_read(body) for body in bodies]


def _read(body: bytes) -> list[Entry]:
    try:
        return [*normalize(read_feed(body, content_type="", url="https://a.example/f").entries)]
    except UnreadableFeed:
        return []


def _told(entry: Entry, host: str = "a.example") -> Told:
    return told(entry.content.title, entry.content.text, host)


def _in_two_feeds(feeds: Sequence[Sequence[Entry]]) -> Iterator[Pair]:
    """Two feeds that carry one link; the second as if it had its own page for it."""
    first: dict[bytes, Entry] = {}
    for entries in feeds:
        for entry in entries:
            if entry.link_digest:
                before = first.setdefault(entry.link_digest, entry)
                one, other = _told(before), _told(entry, "b.example")
                if before is not entry and one.is_long and other.is_long:
                    yield Pair(kind="real: in two feeds", same=True, one=one, other=other)


def _changed(entries: Sequence[Entry]) -> Iterator[Pair]:
    """Copies as planets and readers make them, and texts that differ in one place."""
    for entry in entries[:10]:
        one, copy = _told(entry), _told(entry, "b.example")
        words = one.text.split()
        if not one.is_long or len(one.text) > 3900:  # no room for what is added
            continue
        signed = replace(copy, title=f"Ann: {copy.title}", text=f"{copy.text}{SIGNED}")
        yield Pair(kind="real: signed", same=True, one=one, other=signed)
        cut = replace(copy, text=" ".join(words[: max(60, len(words) // 2)]) + " […]")
        yield Pair(kind="real: cut", same=True, one=one, other=cut)
        yield Pair(kind="real: another word", same=False, one=one, other=_renamed(copy))
        counted = re.sub(r"\d+", lambda found: str(int(found[0][:9]) + 1), copy.text, count=1)
        if counted != copy.text:
            other = replace(copy, text=counted)
            yield Pair(kind="real: another number", same=False, one=one, other=other)
        if one.title_words:
            other = replace(copy, title="Other")
            yield Pair(kind="real: another title", same=False, one=one, other=other)


def _renamed(copy: Told) -> Told:
    """With one word in the middle replaced; with one character where there are no words."""
    found = list(re.finditer(r"[^\W_]+", copy.text))
    start, end = found[len(found) // 2].span()
    if end - start > LONGEST_WORD:
        start = (start + end) // 2
        end = start + 1
    return replace(copy, text=f"{copy.text[:start]}龘{copy.text[end:]}")


def _neighbours(entries: Sequence[Entry]) -> Iterator[Pair]:
    """Successive entries of one feed, under their own titles and under one."""
    for before, after in pairwise(entries[:30]):
        one, other = _told(before), _told(after, "b.example")
        if one.words == other.words and one.title_words == other.title_words:
            continue  # the feed has it twice: nobody can say that these are two
        yield Pair(kind="real: successive", same=False, one=one, other=other)
        if one.words != other.words:
            titled = replace(other, title=one.title)
            yield Pair(kind="real: successive, one title", same=False, one=one, other=titled)


def _edited(snapshots: Sequence[Sequence[Entry]]) -> Iterator[Pair]:
    """An entry before and after its author changed the text: a copy keeps what it was."""
    versions: defaultdict[bytes, list[Entry]] = defaultdict(list)
    for entries in snapshots:
        for entry in entries:
            versions[entry.digest].append(entry)
    for those in versions.values():
        for before, after in pairwise(those):
            one, other = _told(before), _told(after, "b.example")
            if one.is_long and other.is_long and one.words != other.words:
                yield Pair(kind="real: edited", same=True, one=one, other=other)
