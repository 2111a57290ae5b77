import pytest

from aggregator.config.load import load
from aggregator.core.errors import ConfigError


@pytest.fixture
def loaded(tmp_path):
    """Loads a text as a file would be."""

    def loaded(text, **environ):
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ)

    return loaded


@pytest.fixture
def mistakes(loaded, tmp_path):
    """The mistakes of a text, without the folder."""

    def mistakes(text, **environ):
        with pytest.raises(ConfigError) as caught:
            loaded(text, **environ)
        return [mistake.removeprefix(f"{tmp_path}/") for mistake in caught.value.mistakes]

    return mistakes
