"""The texts for people in the sources, as templates with ``{}`` for each value.

A text is each string with two words in it, and each of one word at the places of ``SHORT``. Left
out are docstrings, log lines, regular expressions, annotations, comparisons, and the rooms of
``NOT_FOR_PEOPLE``. :mod:`tests.chinese_tables` compares them with the Chinese tables.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from .sources import modules

__all__ = ["NOT_FOR_PEOPLE", "templates", "texts_of"]

PACKAGE = Path(__file__).parents[1] / "grokcore"

NOT_FOR_PEOPLE = {
    "simulator": "a program of its own",
    "protocol/emulation": "words for the model",
    "protocol/grok_web/prompt": "words for the model",
    "protocol/grok_web/tool_prompt": "words for the model",
    "protocol/grok_web/plain_requests": "words for the model",
    "protocol/grok_web/attachment_names": "words for the model",
    "protocol/official/turns": "words for the model",
    "protocol/official/file_form": "a wire",
    "protocol/languages": "a format",
    "protocol/recording": "a format",
    "protocol/dialects/anthropic_messages/published": "a format",
    "web/openapi": "a document in English",
    "web/observing/gauges": "descriptions for programs",
    "web/observing/metrics": "descriptions for programs",
    "cli/build/pyz_start": "runs before the package is there",
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


def texts_of(tree: ast.AST, *, raised_only: bool = False) -> Iterator[tuple[int, str]]:
    """The templates of a module, each with its line.

    :param raised_only: only those within a call of an error's class.
    """
    waiting: list[tuple[ast.AST, bool, bool]] = [(tree, not raised_only, False)]
    while waiting:
        node, wanted, short = waiting.pop()
        wanted = wanted or _is_error(node)
        if wanted and isinstance(node, ast.Constant | ast.JoinedStr):
            for text in _variants(node):
                if _PROSE.search(text) and (short or _TWO_WORDS.search(text.strip())):
                    yield node.lineno, text
        shows = isinstance(node, ast.Call) and _called(node) in SHORT
        for number, part in enumerate(_parts(node)):
            waiting.append((part, wanted, shows and number == 0))


@cache
def templates() -> dict[str, str]:
    """All templates of the package, each with the place where it stands first."""
    found: dict[str, str] = {}
    for name, tree in modules().items():
        path = name.replace(".", "/")
        if path.startswith("simulator"):
            continue
        aside = any(path == place or path.startswith(f"{place}/") for place in NOT_FOR_PEOPLE)
        for line, text in sorted(texts_of(tree, raised_only=aside)):
            found.setdefault(text, f"{path}:{line}")
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


def _parts(node: ast.AST) -> Iterable[ast.AST]:
    """The parts of a node that may hold texts; of a call that shows its first argument, this comes
    first.
    """
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Compare() | ast.FunctionDef(name="__repr__"):
            return ()
        case ast.Call(func=ast.Attribute(value=ast.Name(id="_log"), attr=attr)) if attr in LOGGING:
            return ()
        case ast.Call() if _called(node) in PASSED_OVER:
            return [node.func, *(keyword.value for keyword in node.keywords)]
        case ast.Call():
            return [*node.args, node.func, *node.keywords]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.body, *node.decorator_list, *_defaults(node.args)]
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")) | ast.AnnAssign(value=None):
            return ()
        case ast.AnnAssign(value=ast.expr() as value) | ast.Subscript(value=value):
            return (value,)
        case ast.JoinedStr():
            return [part for value in node.values for part in _inner(value)]
        case _:
            return ast.iter_child_nodes(node)


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *filter(None, arguments.kw_defaults)]


def _inner(value: ast.expr) -> list[ast.expr]:
    """The expression of a value in a template, without the texts that are variants of it."""
    if not isinstance(value, ast.FormattedValue):
        return []
    if not isinstance(value.value, ast.IfExp):
        return [value.value]
    condition = value.value
    arms = [arm for arm in (condition.body, condition.orelse) if not _is_text(arm)]
    return [condition.test, *arms]


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
