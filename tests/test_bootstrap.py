"""What a source's section comes to on the wire."""

import pytest

from aggregator.bootstrap import (
    make_engine,
    open_service,
    restart_needed,
    source_policy,
    source_specs,
)
from aggregator.config.load import load
from aggregator.core.errors import StoreError
from aggregator.core.wire import Validators
from aggregator.published import catalogue
from aggregator.service.local_engine import LocalEngine
from aggregator.store import queue
from tests.fakes import Notebook

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


PUBLISHED = """
[site]
title = "x"
[server]
xml_content_type = "application/xml"
[sources.plain]
url = "https://plain.example/feed"
tags = ["t"]
[publications.new]
formerly = ["old", "older"]
"""


def settings_of(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, {})


def test_former_slugs_and_the_type_of_xml_reach_the_catalogue(tmp_path):
    made = catalogue(settings_of(tmp_path, PUBLISHED))

    assert made.moved("publications", "older") == made.find("publications", "new")
    assert made.moved("tags", "older") is None
    assert made.content_type("rss") == "application/xml; charset=utf-8"


MIXED = """
[site]
title = "x"
[sources.loud]
url = "https://loud.example/feed"
tags = ["t", "alone"]
max_per_day = 3
priority = 7
[sources.calm]
url = "https://calm.example/feed"
tags = ["t"]
[publications.words]
search = '机器学习 -"ads"'
[publications.loud-only]
sources = ["loud"]
"""


def test_a_source_is_limited_where_others_stand_beside_it(tmp_path):
    made = catalogue(settings_of(tmp_path, MIXED))
    beside = [
        made.find("publications", "latest"),
        made.find("publications", "words"),
        made.find("tags", "t"),
    ]
    alone = [
        made.find("publications", "loud-only"),
        made.find("tags", "alone"),
        made.find("sources", "loud"),
    ]

    assert [each.max_per_day for each in beside] == [(("loud", 3),)] * 3
    assert [each.max_per_day for each in alone] == [()] * 3
    assert made.searching("x").max_per_day == ()


def test_a_search_and_priorities_reach_those_who_use_them(tmp_path):
    settings = settings_of(tmp_path, MIXED)

    assert catalogue(settings).find("publications", "words").search == '机器学习 -"ads"'
    assert {spec.key: spec.priority for spec in source_specs(settings)} == {"loud": 7, "calm": 0}


def test_the_type_of_xml_needs_no_restart(tmp_path):
    before = settings_of(tmp_path, PUBLISHED)
    other_type = settings_of(tmp_path, PUBLISHED.replace("application/xml", "text/xml"))
    other_port = settings_of(tmp_path, PUBLISHED.replace("[server]", "[server]\nport = 1"))

    assert restart_needed(before, other_type) == ()
    assert restart_needed(before, other_port) == ("[server]",)


async def test_what_a_configuration_publishes_is_remembered_by_the_next(tmp_path):
    database = f'[database]\nurl = "sqlite:///{tmp_path}/a.db"\n'
    first = settings_of(tmp_path, database + PUBLISHED)
    second = settings_of(
        tmp_path, database + PUBLISHED.replace("publications.new", "publications.p")
    )
    async with open_service(first, watch=Notebook()):
        pass
    async with open_service(second, watch=Notebook()) as service:
        known = [
            await service.store.was_served(kind, name)
            for kind, name in [
                ("publications", "latest"),
                ("publications", "new"),
                ("tags", "t"),
                ("sources", "plain"),
                ("publications", "never"),
            ]
        ]

    assert known == [True, True, True, True, False]


def test_a_queue_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch):
    text = PUBLISHED + '[database]\nurl = "postgresql://nobody@127.0.0.1/x"\n'
    settings = settings_of(tmp_path, text + '[engine]\nkind = "pgqueuer"\n')
    monkeypatch.setattr(queue, "is_installed", lambda: False)

    with pytest.raises(StoreError, match="the extra `fleet`"):
        make_engine(settings, Notebook())


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://nobody@127.0.0.1/x"])
def test_without_a_queue_hosts_are_handed_out_in_the_process(tmp_path, monkeypatch, url):
    settings = settings_of(tmp_path, PUBLISHED + f'[database]\nurl = "{url}"\n')
    monkeypatch.setattr(queue, "is_installed", lambda: url.startswith("sqlite"))

    assert isinstance(make_engine(settings, Notebook()), LocalEngine)
