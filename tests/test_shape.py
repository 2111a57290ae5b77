"""The house keeps its shape: small files, small functions, packages that say what they are."""

import ast
from pathlib import Path

import pytest

import aggregator

PACKAGE = Path(aggregator.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_can_be_read_in_one_sitting(path):
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_function_can_be_read_in_one_look(path):
    long = [
        f"{node.name}: {length}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := body_lines(node)) > LONGEST_FUNCTION
    ]

    assert long == []


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.name == "__init__.py" and path.parent != PACKAGE],
    ids=lambda path: path.parent.name,
)
def test_a_package_says_what_it_is_and_no_more(path):
    module = ast.parse(path.read_text("utf-8"))

    assert ast.get_docstring(module)
    assert len(module.body) == 1


def test_every_test_folder_mirrors_a_package():
    tests = Path(__file__).parent
    folders = {path.name for path in tests.iterdir() if any(path.glob("test_*.py"))}
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir()}

    assert folders - {"politeness"} <= packages  # how the packages behave together to a server
