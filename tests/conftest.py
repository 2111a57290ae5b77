import pytest
from hypothesis import HealthCheck, settings

from tests.formats import watching

watching.watch()  # before anything else takes the writers' names

# The same examples each time, however long they take: no run fails that the one before passed.
# Others are looked for with `pytest --hypothesis-profile=search`.
_UNTIMED = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _UNTIMED, derandomize=True)
settings.register_profile("search", _UNTIMED, derandomize=False, max_examples=1000)
settings.load_profile("same")

pytest_plugins = ["tests.postgres"]


@pytest.fixture(autouse=True)
def _every_document_is_valid():
    """No test makes an invalid document without anybody seeing it."""
    watching.FOUND.clear()
    yield
    assert watching.FOUND == []
