"""The sources of the package as trees, and what each module imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import grokcore

ROOT = Path(grokcore.__file__).parent


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its dotted name without ``grokcore.``."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


def is_package(name: str) -> bool:
    return (ROOT / name.replace(".", "/") / "__init__.py").exists()


@cache
def imports(name: str, *, at_import: bool = False) -> frozenset[str]:
    """What a module imports: ours as ``grokcore.…``, the rest by its dotted name.

    :param at_import: leave out what is imported inside functions.
    """
    tree = modules()[name]
    found: set[str] = set()
    for node in outside_functions(tree) if at_import else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = ["grokcore", *name.split(".")] if name else ["grokcore"]
                package = here if is_package(name) else here[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [base])])
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.add(whole if whole.removeprefix("grokcore.") in modules() else base)
    return frozenset(found)


def outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """What is executed when a module is imported: class bodies and decorators, but no function's
    body.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for outside in [
                *node.decorator_list,
                *node.args.defaults,
                *filter(None, node.args.kw_defaults),
            ]:
                yield outside
                yield from outside_functions(outside)
        elif not isinstance(node, ast.Lambda):
            yield node
            yield from outside_functions(node)


def part(imported: str) -> str | None:
    """The part of grokcore that an import names; None if it is another package's."""
    first, _, rest = imported.partition(".")
    return rest.split(".")[0] if first == "grokcore" else None
