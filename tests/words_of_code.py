"""The texts for people in the sources, as templates with ``{}`` for each value.

A text is each string with two words in it, and each of one word at the places of ``SHORT``. Left
out are docstrings, log lines, regular expressions, annotations, comparisons, and the rooms of
``NOT_FOR_PEOPLE``. :mod:`tests.chinese_tables` compares them with the Chinese tables.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["NOT_FOR_PEOPLE", "templates", "texts_of"]

PACKAGE = Path(__file__).parents[1] / "grokcore"

NOT_FOR_PEOPLE = {
    "simulator": "a program of its own",
    "protocol/emulation": "words for the model",
    "protocol/grok_web/prompt.py": "words for the model",
    "protocol/grok_web/tool_prompt.py": "words for the model",
    "protocol/grok_web/plain_requests.py": "words for the model",
    "protocol/grok_web/attachment_names.py": "words for the model",
    "protocol/official/turns.py": "words for the model",
    "protocol/official/file_form.py": "a wire",
    "protocol/languages": "a format",
    "protocol/recording": "a format",
    "protocol/dialects/anthropic_messages/published.py": "a format",
    "web/openapi.py": "a document in English",
    "web/observing/metrics.py": "descriptions for programs",
    "cli/build/pyz_start.py": "runs before the package is there",
}
"""Modules and rooms whose texts no person reads here. An error raised there is a text all the
same."""

SHORT = frozenset(("Column", "ok", "warn", "fail", "skipped", "Finding"))
"""Calls whose first argument is shown even if it is one word."""

PASSED_OVER = frozenset(
    (
        *("compile", "fullmatch", "match", "search", "sub", "split", "finditer", "findall"),
        *("startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition"),
        *("replace", "cast", "TypeVar", "getLogger", "getattr", "Logger", "NewType"),
        *("TypeError", "RuntimeError", "AssertionError", "KeyError", "LookupError"),
    )
)
"""Calls whose arguments are no texts: patterns, markers, and bugs."""

LOGGING = frozenset(("debug", "info", "warning", "error", "critical", "exception", "log"))
"""Methods of ``_log``: the log is English."""

_TWO_WORDS = re.compile(r"[A-Za-z]{2}.*\s|\s.*[A-Za-z]{2}", re.DOTALL)
_FIELD = re.compile(r"\{[a-z_]+\}")
_PROSE = re.compile(r"[A-Za-z]{2}")


def texts_of(source: str, *, raised_only: bool = False) -> Iterator[tuple[int, str]]:
    """The templates of a module, each with its line.

    :param raised_only: only those within a ``raise``, a call of an error's class, or advice.
    """
    tree = ast.parse(source)
    hidden = _hidden(tree)
    short = {id(arg) for call in _calls(tree, SHORT) for arg in call.args[:1]}
    roots: list[ast.AST] = [tree]
    if raised_only:
        roots = [node for node in ast.walk(tree) if _is_error(node)]
    seen: set[int] = set()
    for node in itertools.chain.from_iterable(map(ast.walk, roots)):
        if id(node) in hidden or id(node) in seen:
            continue
        seen.add(id(node))
        for text in _variants(node) if isinstance(node, ast.Constant | ast.JoinedStr) else ():
            if _PROSE.search(text) and (id(node) in short or _TWO_WORDS.search(text.strip())):
                yield getattr(node, "lineno", 0), text


@cache
def templates() -> dict[str, str]:
    """All templates of the package, each with the place where it stands first."""
    found: dict[str, str] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        aside = any(name == place or name.startswith(f"{place}/") for place in NOT_FOR_PEOPLE)
        for line, text in texts_of(path.read_text("utf-8"), raised_only=aside):
            if "simulator/" not in name:
                found.setdefault(text, f"{name}:{line}")
    return found


def _is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called(node) in _leaves()


@cache
def _leaves() -> frozenset[str]:
    names = re.findall(r"^class (\w+)\(", (PACKAGE / "errors.py").read_text("utf-8"), re.MULTILINE)
    return frozenset(names)


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _calls(tree: ast.AST, names: frozenset[str]) -> Iterator[ast.Call]:
    return (
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) in names
    )


def _hidden(tree: ast.AST) -> set[int]:
    """The ids of the nodes that hold no texts."""
    aside: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()):
                aside.append(node.value)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="_log"), attr=attr)) if (
                attr in LOGGING
            ):
                aside.append(node)
            case ast.Call() if _called(node) in PASSED_OVER:
                aside += node.args
            case ast.Compare():
                aside += [node.left, *node.comparators]
            case ast.FunctionDef(name="__repr__"):
                aside.append(node)
            case ast.AnnAssign():
                aside.append(node.annotation)
                if "TypeAlias" in ast.unparse(node.annotation) and node.value is not None:
                    aside.append(node.value)
            case ast.arg(annotation=ast.AST() as annotation):
                aside.append(annotation)
            case ast.Subscript():
                aside.append(node.slice)
            case ast.JoinedStr():
                aside += [value for value in node.values if isinstance(value, ast.Constant)]
                aside += _arms(node)
            case _:
                pass
    return {id(each) for part in aside for each in ast.walk(part)}


def _arms(text: ast.JoinedStr) -> list[ast.AST]:
    """The texts of a template's conditions, which are parts of its variants."""
    return [
        arm
        for value in text.values
        if isinstance(value, ast.FormattedValue) and isinstance(value.value, ast.IfExp)
        for arm in (value.value.body, value.value.orelse)
        if _is_text(arm)
    ]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _variants(node: ast.AST) -> list[str]:
    """The templates of a text: one for each way in which its conditions can fall."""
    if isinstance(node, ast.Constant):
        return [_FIELD.sub("{}", node.value)] if isinstance(node.value, str) else []
    assert isinstance(node, ast.JoinedStr)
    parts = [_ways(value) for value in node.values]
    return ["".join(way) for way in itertools.product(*parts)]


def _ways(value: ast.expr) -> list[str]:
    if isinstance(value, ast.Constant):
        return [str(value.value)]
    assert isinstance(value, ast.FormattedValue)
    inner = value.value
    if isinstance(inner, ast.IfExp):
        arms = (inner.body, inner.orelse)
        return [way for arm in arms for way in (_variants(arm) if _is_text(arm) else ["{}"])]
    return [str(inner.value)] if isinstance(inner, ast.Constant) else ["{}"]
