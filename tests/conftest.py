import pytest

from tests.formats import watching

watching.watch()  # before anything else takes the writers' names

pytest_plugins = ["tests.postgres"]


@pytest.fixture(autouse=True)
def _every_document_is_valid():
    """No test makes an invalid document without anybody seeing it."""
    watching.FOUND.clear()
    yield
    assert watching.FOUND == []
