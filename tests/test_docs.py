"""Where the documentation lists things, the lists are complete."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import aggregator
from aggregator.cli.main import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
ADDRESSES = (ROOT / "docs/addresses.md").read_text("utf-8")
COMMANDS: dict[str, Any] = vars(get_command(app))["commands"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_its_options_are_in_the_readme(name):
    line = next((row for row in README.splitlines() if row.startswith(f"| `{name}")), "")
    options = {
        option
        for parameter in COMMANDS[name].params
        for option in parameter.opts
        if option.startswith("--") and option not in {"--config", "--help"}
    }

    assert line
    assert {option for option in options if option not in line} == set()


def test_every_command_in_the_readme_exists():
    named = set(re.findall(r"^\| `([a-z-]+)", README, flags=re.MULTILINE))

    assert named == set(COMMANDS)


def modules() -> list[str]:
    package = Path(aggregator.__file__).parent
    top = [path for path in package.iterdir() if path.suffix == ".py"]
    folders = [path for path in package.iterdir() if (path / "__init__.py").exists()]
    inner = [*(package / "core").glob("*.py"), *(package / "service").glob("*.py")]
    names = [path.name for path in (*top, *inner)] + [f"{path.name}/" for path in folders]
    return sorted({name for name in names if not name.startswith("__")})


@pytest.mark.parametrize("name", modules())
def test_every_module_is_on_the_map(name):
    assert re.search(rf"(^|[\s,/]){re.escape(name)}", ARCHITECTURE, flags=re.MULTILINE)


def test_every_link_between_documents_leads_somewhere():
    for document in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", *ROOT.glob("docs/**/*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
