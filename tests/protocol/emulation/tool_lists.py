"""Tools as coding agents declare them, in their numbers and sizes (recorded 2026-11)."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from grokcore.protocol.conversation.tools import Tool

__all__ = ["AGENTS", "Agent", "function"]


@frozen
class Agent:
    """A client's list of tools.

    :ivar chars: of the list, as JSON.
    :ivar described: characters of the tools' descriptions among them.
    """

    name: str
    tools: int
    chars: int
    described: int

    def made(self) -> tuple[Tool, ...]:
        """Such a list. Half of the tools have a long description; three of four parameters have a
        comment.
        """
        return tuple(self._tool(number) for number in range(self.tools))

    def _tool(self, number: int) -> Tool:
        share = self.described // self.tools
        words = share * 8 // 5 if number % 2 else share * 2 // 5
        rest = (self.chars - self.described) // self.tools
        return function(
            f"Tool{number}",
            _words(words),
            **{f"key_{i}": _parameter(i) for i in range(rest // 150)},
        )


AGENTS = (
    Agent("Claude Code, most tools deferred", 12, 31_000, 20_000),
    Agent("Claude Code", 21, 60_000, 42_000),
    Agent("Codex", 13, 18_000, 9_000),
    Agent("opencode", 10, 21_000, 15_000),
)


def function(name: str, description: str = "", /, **parameters: Any) -> Tool:
    """A tool with these parameters; those whose key ends with an underscore are required."""
    return Tool(
        name,
        description,
        {
            "type": "object",
            "properties": {key.rstrip("_"): value for key, value in parameters.items()},
            "required": [key.rstrip("_") for key in parameters if key.endswith("_")],
        },
    )


def _words(chars: int) -> str:
    lines = ("Runs a command and returns what it writes. Paths are absolute.", "- Never twice.")
    return "\n".join(lines[number % 2] for number in range(chars // 40 + 1))[:chars]


def _parameter(number: int) -> dict[str, Any]:
    kinds: tuple[dict[str, Any], ...] = (
        {"type": "string"},
        {"type": "boolean", "default": False},
        {"type": "string", "enum": ["content", "files", "count"]},
        {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
    )
    kind = kinds[number % 4]
    return kind if number % 4 == 1 else {**kind, "description": "What is meant by it. " * 4}
