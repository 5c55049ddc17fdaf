"""Invariants of docs/developers/architecture.md that are read from the sources; those of imports
are in test_layers.py.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from .sources import modules

ROOT = Path(__file__).parent.parent
SCOPES = {"CancelScope", "move_on_after", "move_on_at", "fail_after", "fail_at", "open_nursery"}

DEADLINE_LATER = {
    "runtime.disk.disk_thread.in_disk_thread",  # the deadline begins with the cancellation
    "runtime.disk.finishing.work_then_finish",  # as above
    "simulator.asgi._play",  # nothing in it waits for long
}
"""Functions whose shield has its deadline later, or whose program is none of the server's."""

FIELDS_OF_ANSWERS = {
    "finish_reason",
    "delta",
    "chat.completion",
    "chat.completion.chunk",
    "revised_prompt",
}

FIELDS_OF_GROK = {
    "protocol.grok_socket.decoder": {"delta"},
    "protocol.official.decoder": {"delta"},
    "protocol.official.media_answers": {"revised_prompt"},
    "protocol.recording.frame_texts": {"delta"},
}
"""Fields of the same name that a module reads in Grok's own events."""


def name_called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def opens_scope(node: ast.AST) -> bool:
    """Whether *node* is a ``with`` of a cancel scope or a nursery."""
    return isinstance(node, (ast.With, ast.AsyncWith)) and any(
        name_called(inner) in SCOPES for item in node.items for inner in ast.walk(item.context_expr)
    )


def yields(node: ast.AST) -> bool:
    """Whether *node* holds a ``yield`` of the function it stands in."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return False
    return isinstance(node, (ast.Yield, ast.YieldFrom)) or any(
        map(yields, ast.iter_child_nodes(node))
    )


def spanning(tree: ast.AST) -> list[int]:
    """Lines of scopes that span a ``yield``."""
    scopes = (
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.With, ast.AsyncWith)) and opens_scope(node)
    )
    return [scope.lineno for scope in scopes if any(map(yields, scope.body))]


def bare_shields(name: str, tree: ast.AST) -> set[str]:
    """Functions with a shield that begins without a deadline."""
    return {
        f"{name}.{function.name}"
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and any(keyword.arg == "shield" for keyword in call.keywords)
        if not (call.args or any(keyword.arg == "deadline" for keyword in call.keywords))
    }


def strings(tree: ast.AST) -> set[str]:
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_no_scope_spans_a_yield() -> None:
    """Its deadline would cancel whoever consumes the generator."""
    assert {name: lines for name, tree in modules().items() if (lines := spanning(tree))} == {}


def test_each_shield_has_a_deadline() -> None:
    """Clean-up that hangs does not hold up a stop."""
    found = set[str]().union(*(bare_shields(name, tree) for name, tree in modules().items()))
    assert found == DEADLINE_LATER


def test_no_session_token_is_read_above_the_runtime() -> None:
    """The routes ask the completion for Grok's media; the cookie stays with the lease."""
    readers = {
        name
        for name, tree in modules().items()
        if name.split(".")[0] == "web"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr == "sso")
        or (isinstance(node, ast.Name) and node.id == "sso")
    }
    assert readers == set()


def test_only_dialects_write_a_client_s_answer() -> None:
    """Fields of answers stand nowhere else; the simulator, a program of its own, speaks Grok's."""
    speakers = {
        name
        for name, tree in modules().items()
        if strings(tree) & FIELDS_OF_ANSWERS - FIELDS_OF_GROK.get(name, set())
    }
    others = {name for name in speakers if not name.startswith("simulator")}
    assert {name for name in others if not name.startswith("protocol.dialects")} == set()
    assert speakers


def test_each_invariant_names_its_test() -> None:
    """An invariant that nothing holds is a hope."""
    page = (ROOT / "docs/developers/architecture.md").read_text("utf-8")
    _, _, rest = page.partition("\n## Invariants\n")
    invariants = re.findall(
        r"^\* (.+?)(?=\n\* |\n\n|\Z)", rest.partition("\n## ")[0], re.DOTALL | re.MULTILINE
    )
    assert len(invariants) > 10
    assert [
        words for words in invariants if not re.search(r"`(?:tests/)?[\w/]*test_\w+\.py`", words)
    ] == []


def test_the_readers_are_not_blind() -> None:
    """Each finds what it looks for."""
    tree = ast.parse(
        "async def f():\n async with trio.open_nursery() as n:\n  yield 1\n"
        "def g():\n with trio.CancelScope(shield=True):\n  pass\n"
    )
    assert spanning(tree) == [2]
    assert bare_shields("m", tree) == {"m.g"}
