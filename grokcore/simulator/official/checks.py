"""Checks of a request for a response, as strict as xAI's (docs.x.ai, responses, 2026-11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from ..scripts import Script, error
from .catalogue import ModelRow
from .failures import REFUSALS, invalid

__all__ = ["MOST_TOOLS", "MOST_TOOLS_OF_CLI", "refused_body", "refused_by_cli", "refused_effort"]

MOST_TOOLS = 128
MOST_TOOLS_OF_CLI = 200

KNOWN = frozenset(
    {
        "background",
        "context_management",
        "include",
        "input",
        "instructions",
        "logprobs",
        "max_output_tokens",
        "max_turns",
        "metadata",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "search_parameters",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
KINDS = frozenset(
    {
        "function",
        "web_search",
        "x_search",
        "file_search",
        "code_interpreter",
        "mcp",
        "shell",
        "image_generation",
    }
)
OF_WEB_SEARCH = frozenset(
    {
        "type",
        "allowed_domains",
        "excluded_domains",
        "filters",
        "enable_image_understanding",
        "enable_image_search",
    }
)
OF_X_SEARCH = frozenset(
    {
        "type",
        "allowed_x_handles",
        "excluded_x_handles",
        "from_date",
        "to_date",
        "enable_image_understanding",
        "enable_video_understanding",
    }
)
NOT_ON_CLI = (
    "previous_response_id",
    "stream_options",
    "prompt_cache_retention",
    "safety_identifier",
)
RANGES = (("temperature", 0, 2), ("top_p", 0, 1), ("top_logprobs", 0, 8))


def refused_body(body: Mapping[str, Any], *, most_tools: int = MOST_TOOLS) -> Script | None:
    """The refusal of a request; None if it is taken."""
    if not isinstance(body.get("model"), str):
        return _mistyped("missing field `model`")
    if not isinstance(body.get("input"), str | list):
        return _mistyped("missing field `input`")
    if not all(isinstance(one, dict) for one in _objects(body)):
        return _mistyped("expected an object")
    if body.get("search_parameters") is not None:
        return REFUSALS["live_search_gone"]()
    tools = body.get("tools") or []
    stored = body.get("previous_response_id") is not None
    of_input = _of_input(body["input"], stored=stored)
    found = chain(_of_fields(body), of_input, _of_tools(tools, most_tools))
    said = next(found, None)
    return None if said is None else invalid(said)


def refused_effort(body: Mapping[str, Any], row: ModelRow) -> Script | None:
    """The refusal of a level of reasoning that the model does not know."""
    effort = (body.get("reasoning") or {}).get("effort")
    if effort is None or effort in row.efforts:
        return None
    return invalid(f"Argument not supported on this model: reasoningEffort ({effort})")


def refused_by_cli(body: Mapping[str, Any]) -> Script | None:
    """The refusal of a request that only the API would take; None if the proxy takes it."""
    if body.get("stream") is not True:
        return invalid("Only streaming requests are supported: stream must be true.")
    for name in NOT_ON_CLI:
        if name in body:
            return invalid(f"Argument not supported: {name}")
    return None


def _objects(body: Mapping[str, Any]) -> Iterator[Any]:
    """All that has to be an object: items, their parts, and tools."""
    yield from body.get("tools") or ()
    for item in body["input"] if isinstance(body["input"], list) else ():
        yield item
        parts = item.get("content") if isinstance(item, dict) else None
        yield from parts if isinstance(parts, list) else ()


def _mistyped(said: str) -> Script:
    return error(422, f"Failed to deserialize the JSON body into the target type: {said}")


def _of_fields(body: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(body.keys() - KNOWN):
        yield f"Argument not supported: {name}"
    if body.get("background"):
        yield "Argument not supported: background"
    for name, least, most in RANGES:
        value = body.get(name)
        if value is not None and not least <= value <= most:
            yield f"Invalid {name}: it must be between {least} and {most}."
    if (body.get("max_output_tokens") or 1) < 1:
        yield "Invalid max_output_tokens: it must be positive."
    choice = body.get("tool_choice", "auto")
    if choice not in ("auto", "none", "required") and not isinstance(choice, dict):
        yield "Invalid tool_choice."


def _of_input(given: str | list[Any], *, stored: bool) -> Iterator[str]:
    if not given:
        yield "Each message must have at least one content element."
    called = set()
    for item in given if isinstance(given, list) else ():
        kind = item.get("type", "message")
        if kind == "function_call":
            called.add(item.get("call_id"))
        elif kind == "function_call_output" and item.get("call_id") not in called and not stored:
            yield f"No tool call found for function call output with call_id {item.get('call_id')}."
        elif kind == "message":
            yield from _of_message(item)


def _of_message(item: Mapping[str, Any]) -> Iterator[str]:
    if item.get("role") not in {"user", "assistant", "system", "developer"}:
        yield f"Invalid role: {item.get('role')}"
    content = item.get("content")
    parts = [{"type": "input_text", "text": content}] if isinstance(content, str) else content
    if not parts or all(part.get("text") == "" for part in parts):
        yield "Each message must have at least one content element."
    wanted = "output_text" if item.get("role") == "assistant" else "input_text"
    for part in parts or ():
        if part.get("type") not in {wanted, "input_text", "input_image", "input_file", "refusal"}:
            yield f"Invalid content type: {part.get('type')}"


def _of_tools(tools: list[Any], most: int) -> Iterator[str]:
    if len(tools) > most:
        yield f"A maximum of {most} tools are supported."
    for tool in tools:
        kind = tool.get("type")
        if kind not in KINDS:
            yield f"Tool type not supported: {kind}"
        if kind == "function" and not isinstance(tool.get("name"), str):
            yield "A function needs a name."
        if kind == "web_search":
            filters = {**tool, **(tool.get("filters") or {})}
            yield from _of_options(tool, OF_WEB_SEARCH)
            yield from _of_lists(filters, "allowed_domains", "excluded_domains", 5)
        if kind == "x_search":
            yield from _of_options(tool, OF_X_SEARCH)
            yield from _of_lists(tool, "allowed_x_handles", "excluded_x_handles", 10)


def _of_options(tool: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for name in sorted(tool.keys() - known):
        yield f"Argument not supported: {name}"


def _of_lists(tool: Mapping[str, Any], allowed: str, excluded: str, most: int) -> Iterator[str]:
    for name in (allowed, excluded):
        if len(tool.get(name) or ()) > most:
            yield f"A maximum of {most} values are supported for {name}."
    if tool.get(allowed) and tool.get(excluded):
        yield f"{allowed} and {excluded} cannot be set simultaneously."
