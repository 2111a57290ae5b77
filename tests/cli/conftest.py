import pytest
from typer.testing import CliRunner

from aggregator.cli.main import app
from tests.loopback import configuration, loopback, rss


@pytest.fixture
def config(tmp_path):
    """A configuration whose source has been polled."""
    with loopback(a=rss("a", "one", "two")) as site:
        path = tmp_path / "config.toml"
        path.write_text(configuration(site))
        assert CliRunner().invoke(app, ["fetch", "--config", str(path)]).exit_code == 0
        yield path
