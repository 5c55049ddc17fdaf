"""The first request of Claude Code 2.1.332 (``-p``), in its shape: a made-up task, and texts cut
short.
"""

from __future__ import annotations

from typing import Any

__all__ = ["BILLING", "TOOLS", "request", "tool"]

BILLING = "x-anthropic-billing-header: cc_version=2.1.332.abc; cc_entrypoint=sdk-cli; cch=00000;"

TOOLS = (
    *("Agent", "Bash", "Edit", "Glob", "Grep", "Read", "Skill", "TodoWrite", "WebFetch"),
    *("WebSearch", "Write", "ToolSearch"),
)


def tool(name: str, **more: Any) -> dict[str, Any]:
    """A tool with one parameter."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"text": {"type": "string", "description": "Its text."}},
        "required": ["text"],
        "additionalProperties": False,
    }
    return {"name": name, "description": f"{name} does it.", "input_schema": schema, **more}


def request(**fields: Any) -> dict[str, Any]:
    """The request, with *fields* in place of its own."""
    cached = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    return {
        "model": "grok-4",
        "max_tokens": 32000,
        "stream": True,
        "system": [
            {"type": "text", "text": BILLING},
            {"type": "text", "text": "You are an agent.", **cached},
            {"type": "text", "text": "# Environment\nLinux", **cached},
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "<system-reminder>Be brief.</system-reminder>"},
                    {"type": "text", "text": "List the files.", **cached},
                ],
            },
            {
                "role": "system",
                "content": [{"type": "text", "text": "Deferred tools: NotebookEdit"}],
            },
        ],
        "tools": [tool(name, eager_input_streaming=True) for name in TOOLS],
        "thinking": {"type": "adaptive", "display": "omitted"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "metadata": {"user_id": '{"device_id": "d", "session_id": "s"}'},
        **fields,
    }
