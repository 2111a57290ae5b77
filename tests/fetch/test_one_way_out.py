"""What goes out goes through this package: nothing else in the house can open a connection.

import-linter holds httpx and httpcore to it; the standard library's ways out are looked for here.
"""

import ast
from pathlib import Path

import pytest

import aggregator

PACKAGE = Path(aggregator.__file__).parent
OTHERS = sorted(path for path in PACKAGE.rglob("*.py") if PACKAGE / "fetch" not in path.parents)

CLIENTS = {
    "aiohttp",
    "ftplib",
    "h2",
    "http.client",
    "httpcore",
    "httpx",
    "imaplib",
    "poplib",
    "requests",
    "smtplib",
    "socket",
    "urllib.request",
    "urllib3",
    "xmlrpc.client",
}
CALLS = {
    "create_connection",
    "create_datagram_endpoint",
    "create_unix_connection",
    "open_connection",
    "open_unix_connection",
    "sock_connect",
    "urlopen",
    "urlretrieve",
}


def imported(tree: ast.AST) -> set[str]:
    """Modules, and what might be a module, by their full names."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def mentioned(tree: ast.AST) -> set[str]:
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return attributes | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_module_can_open_a_connection(path):
    tree = ast.parse(path.read_text("utf-8"))

    assert imported(tree) & CLIENTS == set()
    assert mentioned(tree) & CALLS == set()


def test_the_look_would_find_one():
    tree = ast.parse("from urllib import request\nimport asyncio\nasyncio.open_connection()")

    assert imported(tree) & CLIENTS == {"urllib.request"}
    assert mentioned(tree) & CALLS == {"open_connection"}
