import re
import tomllib
from pathlib import Path

import pytest
from pydantic import BaseModel

from aggregator.config.load import load
from aggregator.config.settings import (
    ConfigFile,
    DatabaseSettings,
    EngineSettings,
    FetchSettings,
    FiltersSettings,
    PublicationSettings,
    PublishSettings,
    RetentionSettings,
    ServerSettings,
    SiteSettings,
    SourceSettings,
    WebsubSettings,
)

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config.toml"
MANUAL = ROOT / "docs" / "configuration.md"

SECTIONS: dict[str, type[BaseModel]] = {
    "site": SiteSettings,
    "database": DatabaseSettings,
    "server": ServerSettings,
    "fetch": FetchSettings,
    "retention": RetentionSettings,
    "engine": EngineSettings,
    "websub": WebsubSettings,
    "publish": PublishSettings,
    "filters": FiltersSettings,
    "sources.KEY": SourceSettings,
    "publications.SLUG": PublicationSettings,
}

KEYS = [(section, key) for section, model in SECTIONS.items() for key in model.model_fields]


def with_every_option():
    """The shipped file with all that is commented out put into force."""
    return re.sub(r"(?m)^#(?=[a-z0-9_]+ = )", "", SHIPPED.read_text(encoding="utf-8"))


def tables(text):
    """The first table of each kind, by the name that the manual uses."""
    content = tomllib.loads(text)
    return content | {
        "sources.KEY": next(iter(content["sources"].values())),
        "publications.SLUG": content["publications"]["latest"],
    }


def manual_rows(section):
    text = MANUAL.read_text(encoding="utf-8").split(f"\n## [{section}]\n")[1].split("\n## ")[0]
    rows = [row.split(" | ") for row in text.splitlines() if row.startswith("| `")]
    return {row[0].strip("| `"): row for row in rows}


def test_the_shipped_file_loads_without_any_variable():
    settings = load(SHIPPED, {})

    assert len(settings.sources) >= 12
    assert {source.language for source in settings.sources.values()} >= {"de", "fr", "ja", "zh"}
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8000)
    assert settings.doubts == ()


def test_the_shipped_file_also_loads_with_every_option_in_force(tmp_path):
    (tmp_path / "templates").mkdir()
    path = tmp_path / "config.toml"
    path.write_text(with_every_option(), encoding="utf-8")

    settings = load(path, {})

    assert settings.doubts == ()


def test_every_section_is_shown_and_documented():
    assert {name.partition(".")[0] for name in SECTIONS} == set(ConfigFile.model_fields)


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_is_shown_in_the_shipped_file(section, key):
    assert key in tables(with_every_option())[section]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_manual_has_a_row_for_every_key_and_no_other(section):
    assert set(manual_rows(section)) == set(SECTIONS[section].model_fields)


@pytest.mark.parametrize(
    "section", ["site", "database", "server", "fetch", "retention", "filters", "websub"]
)
def test_the_defaults_in_the_manual_are_the_defaults(section):
    model = SECTIONS[section]
    defaults = {key: field for key, field in model.model_fields.items() if not field.is_required()}
    written = {key: manual_rows(section)[key][2].strip() for key in defaults}
    from_manual = tomllib.loads(
        "".join(f"{key} = {value[1:-1]}\n" for key, value in written.items() if value != "none")
    )
    required = {"title": "x"} if section == "site" else {}

    assert model(**required | from_manual) == model(**required)
    assert all(not defaults[key].default for key, value in written.items() if value == "none")
