"""What a source's section comes to on the wire."""

from aggregator.bootstrap import source_policy
from aggregator.config.load import load
from aggregator.core.wire import Validators

SECRET = "hunter2-hunter"
CONFIG = """
[site]
title = "x"
[sources.plain]
url = "https://plain.example/feed"
[sources.one]
url = "https://one.example/feed"
headers = { X-Key = "${SECRET}" }
auth = "me:${SECRET}"
http2 = true
iframes = true
proxy = "http://me:${SECRET}@proxy.lan:3128"
"""


def policies(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    settings = load(path, {"SECRET": SECRET})
    return {key: source_policy(settings, source) for key, source in settings.sources.items()}


def requests(tmp_path):
    return {
        key: policy.request(policy.url, Validators()) for key, policy in policies(tmp_path).items()
    }


def test_a_source_is_asked_in_the_way_that_its_section_says(tmp_path):
    request = requests(tmp_path)["one"]

    assert request.http2
    assert request.proxy == f"http://me:{SECRET}@proxy.lan:3128"
    assert request.headers == (("X-Key", SECRET),)
    assert request.auth == ("me", SECRET)


def test_by_default_it_is_neither_http2_nor_a_proxy(tmp_path):
    request = requests(tmp_path)["plain"]

    assert not request.http2
    assert request.proxy is None


def test_players_stay_where_the_section_says_so_only(tmp_path):
    assert {key: one.players for key, one in policies(tmp_path).items()} == {
        "plain": False,
        "one": True,
    }


def test_no_secret_shows_in_a_request(tmp_path):
    assert SECRET not in repr(requests(tmp_path))
