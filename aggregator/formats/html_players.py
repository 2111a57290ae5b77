"""Players in frames: which ones we know, and the page of what they play."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from aggregator.core.urls import web_url

PLAYERS = frozenset(
    {
        *("archive.org", "bandcamp.com", "bilibili.com", "clips.twitch.tv", "codepen.io"),
        *("dailymotion.com", "embed.podcasts.apple.com", "embed.ted.com", "framatube.org"),
        *("geo.dailymotion.com", "media.ccc.de", "open.spotify.com", "player.bilibili.com"),
        *("player.twitch.tv", "player.vimeo.com", "soundcloud.com", "w.soundcloud.com"),
        *("youtube-nocookie.com", "youtube.com"),
    }
)
"""Hosts of players, without `www.`."""

SANDBOX = "allow-popups allow-same-origin allow-scripts"
"""What a player needs; it cannot lead the page around it elsewhere."""

_SOURCES = ("src", "data-src", "data-lazy-src", "data-litespeed-src", "data")
# No user, no port, no backslash: browsers find another host behind those than we do.
_FRAMED = re.compile(r"https://([A-Za-z0-9.-]+)(?:[/?#][!-\[\]-~]*)?")
_YOUTUBE = re.compile(r"/(?:embed|v)/(?!videoseries)([\w-]{6,20})", re.ASCII)
_VIMEO = re.compile(r"/video/(\d+)", re.ASCII)
_DAILYMOTION = re.compile(r"/embed/video/(\w+)", re.ASCII)
_TWITCH = re.compile(r"[\w-]{1,80}", re.ASCII)
_PEERTUBE = re.compile(r"/videos/embed/([\w-]{8,40})", re.ASCII)
"""On hosts of all kinds."""


def framed_url(attributes: Mapping[str, str | None], base: str | None) -> str | None:
    """What a frame shows, lazy or not."""
    urls = (web_url(attributes.get(name), base) for name in _SOURCES)
    return next((url for url in urls if url), None)


def is_player(url: str) -> bool:
    """True for an address that may stand in a frame."""
    match = _FRAMED.fullmatch(url)
    return match is not None and _host(match[1]) in PLAYERS


def page_of(url: str) -> str | None:
    """Where a person looks at what the frame plays; None for no player."""
    parts = urlsplit(url)
    host = _host(parts.hostname)
    if match := _PEERTUBE.match(parts.path):
        return f"https://{parts.netloc}/w/{match[1]}"
    if host not in PLAYERS:
        return None
    return _page_at(host, parts.path, parse_qs(parts.query)) or url


def _page_at(host: str, path: str, query: Mapping[str, list[str]]) -> str | None:
    page: str | None = None
    match host:
        case "youtube.com" | "youtube-nocookie.com":
            page = _youtube(path, query)
        case "player.vimeo.com" if match := _VIMEO.match(path):
            page = f"https://vimeo.com/{match[1]}"
        case "dailymotion.com" if match := _DAILYMOTION.match(path):
            page = f"https://www.dailymotion.com/video/{match[1]}"
        case "player.twitch.tv":
            page = _twitch(query)
        case "w.soundcloud.com":
            page = web_url(query.get("url", [""])[0])
        case "open.spotify.com" if path.startswith("/embed/"):
            page = f"https://open.spotify.com{path.removeprefix('/embed')}"
    return page


def _youtube(path: str, query: Mapping[str, list[str]]) -> str | None:
    if match := _YOUTUBE.match(path):
        return f"https://www.youtube.com/watch?v={match[1]}"
    listed = query.get("list", [""])[0]
    return (
        f"https://www.youtube.com/playlist?list={listed}" if listed.isascii() and listed else None
    )


def _twitch(query: Mapping[str, list[str]]) -> str | None:
    for name, before in (("video", "videos/"), ("channel", "")):
        wanted = query.get(name, [""])[0]
        if _TWITCH.fullmatch(wanted):
            return f"https://www.twitch.tv/{before}{wanted}"
    return None


def _host(host: str | None) -> str:
    return (host or "").lower().removeprefix("www.")
