import asyncio
from importlib import import_module
from importlib.util import find_spec

ON_BOTH = {"test_server.py", "test_connection.py", "test_events.py"}
"""The daemon serves on uvloop, where there is one."""


def pytest_asyncio_loop_factories(item):
    factories = {"asyncio": asyncio.new_event_loop}
    if item.path.name in ON_BOTH and find_spec("uvloop"):
        factories["uvloop"] = import_module("uvloop").new_event_loop
    return factories
