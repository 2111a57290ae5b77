import pytest

from aggregator.store.sql import open_store
from tests.store.memory import MemoryStore


def last_two_labels(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def address(request, tmp_path):
    if request.param == "postgres":
        return request.getfixturevalue("postgres")
    return f"sqlite:///{tmp_path}/test.db"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request, tmp_path):
    """The address of a database of each kind."""
    return address(request, tmp_path)


@pytest.fixture
async def sql_store(database_url):
    store = await open_store(database_url)
    yield store
    await store.aclose()


@pytest.fixture
async def second_store(database_url):
    """Another process's view of the same database."""
    store = await open_store(database_url)
    yield store
    await store.aclose()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def any_url(request, tmp_path):
    return None if request.param == "memory" else address(request, tmp_path)


@pytest.fixture
async def store(any_url):
    """Whatever signs the contract."""
    if any_url is None:
        yield MemoryStore(last_two_labels)
        return
    opened = await open_store(any_url, domain_of=last_two_labels)
    yield opened
    await opened.aclose()
