import pytest
from pydantic import BaseModel

from aggregator.config.settings import ConfigFile, PublicationSettings, SourceSettings

SOURCE = '[site]\ntitle = "x"\n[sources.one]\nurl = "https://one.example/feed"\n'


@pytest.mark.parametrize(
    ("more", "place", "remedy"),
    [
        ('intervall = "1h"', "5: sources.one.intervall", 'unknown key; did you mean "interval"?'),
        ("zzz = 1", "5: sources.one.zzz", "unknown key; there are auth, backfill, "),
        ('[fetsch]\ntimeout = "1s"', "5: fetsch", 'unknown section; did you mean "fetch"?'),
        (
            'interval = "soon"',
            "5: sources.one.interval",
            'must be a duration such as "15m" or "1h"',
        ),
        ('interval = "0s"', "5: sources.one.interval", "must be a duration longer than 0"),
        ('tags = "a"', "5: sources.one.tags", "must be a list such as"),
        ('tags = [\n"a",\n"b/c",\n]', "7: sources.one.tags[1]", 'must be a tag without "/"'),
        ("name = 5", "5: sources.one.name", "must be text in quotes"),
        (
            'include = [\n"a",\n"titel: x",\n]',
            "7: sources.one.include[1]",
            'unknown field; did you mean "title: …"?',
        ),
        ('[filters]\nexclude = ["title ~ ("]', "6: filters.exclude[0]", "must be a regular expr"),
        ('[filters]\nexclude = "a"', "6: filters.exclude", "must be a list such as"),
        ("[filters]\nexclud = []", "6: filters.exclud", 'unknown key; did you mean "exclude"?'),
        (
            '[publications.p]\nexclude = ["age: 3d"]',
            "6: publications.p.exclude[0]",
            'must be written as "age > 30d"',
        ),
        ('[websub]\nhubs = "own"', "6: websub.hubs", 'unknown key; did you mean "hub"?'),
        ('[publish]\nfolder = "x"', "6: publish.folder", "unknown key; there are dir"),
        (
            '[publications.p]\nwebhooks = [{ url = "https://x.example/", sekret = "x" }]',
            "6: publications.p.webhooks[0].sekret",
            'unknown key; did you mean "secret"?',
        ),
        (
            '[publications.p]\nwebhooks = [{ url = [] }, { url = "https://x.example/" }]',
            "6: publications.p.webhooks[0].url",
            "must be a web address",
        ),
        (
            '[publications.p]\nwebhooks = ["https://x.example/"]',
            "6: publications.p.webhooks[0]",
            'must be a table such as { url = "https://…" }',
        ),
        (
            '[publications.p]\nwebhooks = "https://x.example/"',
            "6: publications.p.webhooks",
            'must be a list such as [{ url = "https://…" }]',
        ),
        ('updates = "loud"', "5: sources.one.updates", 'must be "silent", "bump" or "ignore"'),
        ('content = ""', "5: sources.one.content", 'must be "full", "summary" or "title"'),
        ("enabled = 1", "5: sources.one.enabled", "must be true or false"),
        ("headers = 5", "5: sources.one.headers", "must be a table such as"),
        ('auth = { user = "a" }', "5: sources.one.auth.password", "missing; add password = …"),
        (
            'auth = { user = "a", pasword = "b", password = "c" }',
            "5: sources.one.auth.pasword",
            'unknown key; did you mean "password"?',
        ),
        (
            '[sources."a b"]\nurl = "https://b.example/"',
            '5: sources."a b"',
            "must be made of letters",
        ),
        ("[sources.two]", "5: sources.two.url", 'missing; add url = "https://…"'),
        (
            "[[publications]]\nlimit = 1",
            "5: publications",
            "must be a table; write [publications.KEY]",
        ),
        ("[publications]\np = 5", "6: publications.p", "must be a table; write [publications.p]"),
        ('[publications."a.b"]', '5: publications."a.b"', "must be made of letters"),
        (
            "[publications.p]\nlimit = 1001",
            "6: publications.p.limit",
            "must be a whole number from 1 to 1000",
        ),
        (
            '[publications.p]\nwindow = "two days"',
            "6: publications.p.window",
            "must be a duration",
        ),
        (
            '[publications.p]\nwindows = "2d"',
            "6: publications.p.windows",
            'unknown key; did you mean "window"?',
        ),
        (
            '[publications.p]\n[publications.q]\nformerly = ["x", "p"]',
            "7: publications.q.formerly[1]",
            "is a publication of today; name slugs that are used no more",
        ),
        (
            '[publications.p]\nformerly = ["latest"]',
            "6: publications.p.formerly[0]",
            "is a publication of today; name slugs that are used no more",
        ),
        (
            '[publications.p]\nformerly = ["p"]',
            "6: publications.p.formerly[0]",
            "is a publication of today; name slugs that are used no more",
        ),
        (
            '[publications.p]\nformerly = ["x"]\n[publications.q]\nformerly = ["x"]',
            "8: publications.q.formerly[0]",
            "publications.p had this slug, too",
        ),
        (
            '[publications.p]\nformerly = ["a/b"]',
            "6: publications.p.formerly[0]",
            'must be made of letters, digits, "-" and "_" only',
        ),
        (
            '[server]\nxml_content_type = "text/html"',
            "6: server.xml_content_type",
            "must be",
        ),
        (
            '[publications.p]\nsources = ["ones"]',
            "6: publications.p.sources[0]",
            'unknown source; did you mean "one"?',
        ),
        (
            '[publications.p]\ntags = ["x"]',
            "6: publications.p.tags[0]",
            "unknown tag; name one that a source has",
        ),
        (
            'tags = ["Python"]\n[publications.p]\ntags = ["pyton"]',
            "7: publications.p.tags[0]",
            'unknown tag; did you mean "Python"?',
        ),
        (
            '[sources.two]\nurl = "https://ONE.example/feed#top"',
            "6: sources.two.url",
            "sources.two and sources.one have the same address",
        ),
        ("[server]\nport = 65536", "6: server.port", "must be a whole number from 1 to 65535"),
        (
            '[fetch]\nallow_networks = ["10.0.0.1/8"]',
            "6: fetch.allow_networks[0]",
            "must be a network",
        ),
        (
            "[fetch]\nconcurrency = 0",
            "6: fetch.concurrency",
            "must be a whole number from 1 to 1000",
        ),
        ('[database]\nurl = "mysql://h/n"', "6: database.url", 'must be "sqlite:///FILE" or'),
        ('name = "${NOPE}"', "5: sources.one.name", "the environment has no variable NOPE; set it"),
    ],
)
def test_a_mistake_is_told_with_line_key_and_remedy(mistakes, more, place, remedy):
    [told] = mistakes(SOURCE + more)

    assert told.startswith(f"config.toml:{place}: {remedy}")
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        (
            'port = 1\n[site]\ntitle = "x"\n[sources.one]\nurl = "https://one.example/feed"\n',
            "1: port",
            'unknown key outside of a section; did you mean "port" in [server]?',
        ),
        (
            'zzz = 1\n[site]\ntitle = "x"\n[sources.one]\nurl = "https://one.example/feed"\n',
            "1: zzz",
            "unknown key outside of a section; write it below one",
        ),
        (
            '[sources.one]\nurl = "https://one.example/"',
            "1: site",
            'missing; add [site] with title = "…"',
        ),
        (
            '\n[site]\nurl = "http://x.example/"\n[sources.one]\nurl = "https://one.example/"',
            "2: site.title",
            "missing; add title = …",
        ),
        ('[site]\ntitle = "x"', "1: sources", "missing; add at least one [sources.KEY]"),
        ('[site]\ntitle = "x"\n[sources]', "3: sources", "missing; add at least one [sources.KEY]"),
        (
            '[site]\ntitle = "x"\npage_size = 201\n[sources.one]\nurl = "https://one.example/"',
            "3: site.page_size",
            "must be a whole number from 1 to 200",
        ),
    ],
)
def test_what_is_missing_or_misplaced_is_told(mistakes, text, place, remedy):
    [told] = mistakes(text)

    assert told.startswith(f"config.toml:{place}: {remedy}")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(mistakes):
    told = mistakes("""[site]
titel = "x"
[server]
port = "no"
[sources.a]
url = "${NOPE}"
name = ""
[sources.b]
url = "https://b.example/"
backfill = "some"
[sources.c]
url = "https://b.example/"
interval = "x"
[publications.p]
sources = ["a", "d"]
""")

    assert [mistake.split(": ")[:2] for mistake in told] == [
        ["config.toml:1", "site.title"],
        ["config.toml:2", "site.titel"],
        ["config.toml:4", "server.port"],
        ["config.toml:6", "sources.a.url"],
        ["config.toml:7", "sources.a.name"],
        ["config.toml:10", "sources.b.backfill"],
        ["config.toml:12", "sources.c.url"],
        ["config.toml:13", "sources.c.interval"],
        ["config.toml:15", "publications.p.sources[1]"],
    ]


def test_a_source_with_mistakes_still_counts_where_others_name_it(mistakes):
    told = mistakes(SOURCE + 'tags = ["a", 5]\n[publications.p]\nsources = ["one"]\ntags = ["a"]')

    assert [mistake.split(": ")[1] for mistake in told] == ["sources.one.tags[1]"]


def test_a_webhook_is_written_once(mistakes):
    hook = '{ url = "https://x.example/" }'
    told = mistakes(SOURCE + f"[publications.p]\nwebhooks = [{hook}, {hook}]")

    assert [mistake.removeprefix("config.toml:6: publications.p.") for mistake in told] == [
        "webhooks[1].url: this address is there already; remove one of the two"
    ]


SECTIONS: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in ConfigFile.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_misspelt_key_is_told_in_every_section(mistakes, section):
    rest = SOURCE.removeprefix("[site]\n")
    wrong = f"[{section}]\nzzz = 1\n"
    told = mistakes(wrong + rest if section == "site" else SOURCE + wrong)

    assert [mistake.split("; ")[0].split(": ", 1)[1] for mistake in told] == [
        f"{section}.zzz: unknown key"
    ]


KEYS: list[tuple[str, str]] = [
    *((name, key) for name, of in SECTIONS.items() for key in of.model_fields),
    *(("sources.other", key) for key in SourceSettings.model_fields),
    *(("publications.other", key) for key in PublicationSettings.model_fields),
]


@pytest.mark.parametrize(("section", "key"), KEYS)
@pytest.mark.parametrize("value", ["1979-05-27", "nan", "[[1]]", "[{ url = [] }]", "{ a = 1 }"])
def test_no_value_of_the_wrong_type_is_more_than_a_mistake(mistakes, section, key, value):
    if section == "site":
        text = SOURCE.replace("[site]", f"[site]\n{key} = {value}").replace(
            'title = "x"\n', "" if key == "title" else 'title = "x"\n'
        )
    else:
        text = f"{SOURCE}[{section}]\n{key} = {value}\n"

    assert any(f"{section}.{key}" in mistake for mistake in mistakes(text))


def test_a_queue_in_postgresql_needs_postgresql(mistakes):
    (told,) = mistakes(SOURCE + '[engine]\nkind = "pgqueuer"')

    assert told.endswith(
        'engine.kind: "pgqueuer" needs PostgreSQL in [database] url; write "local"'
    )
