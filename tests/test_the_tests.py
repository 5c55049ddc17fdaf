"""What the tests owe each other and the next reader: see README.md in this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
MODULES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.py"))
TEST_MODULES = [name for name in MODULES if Path(name).name.startswith("test_")]


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((FOLDER / module).read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """The dotted names that a module imports from, and what it imports."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def test_no_module_imports_a_test_module() -> None:
    """A helper that two files need has a module of its own, where it is looked for."""
    names = {Path(name).stem for name in TEST_MODULES}
    found = [
        (module, name)
        for module in MODULES
        for name in imported(module)
        if names & {*name.split(".")}
    ]
    assert found == []


def test_every_test_says_its_rule() -> None:
    """In its docstring: what a user or the next engineer loses if it fails."""
    functions = [(module, node) for module in TEST_MODULES for node in tree_of(module).body]
    tests = [
        (module, node)
        for module, node in functions
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    ]
    assert len(tests) > 1000
    assert [f"{module}: {node.name}" for module, node in tests if not ast.get_docstring(node)] == []
