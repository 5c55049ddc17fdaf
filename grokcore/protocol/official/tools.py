"""The client's tools, and xAI's own searches, as xAI's Responses API declares them.

Rules
-----
1. Each tool is a function upstream. xAI takes no custom tools and no items of theirs
   (CLIProxyAPI#3704, 2026-06): such a tool is a function with one text, ``input``.
2. A name is 1 to 64 letters of English, digits, ``_`` or ``-``. A tool keeps a name that fits;
   others get one of that form (:func:`upstream_names`).
3. If only some tools are allowed, only those are declared: xAI knows no ``allowed_tools``
   (xAI's OpenAPI document, ``ModelToolChoice``, 2026-11).
4. Searches cost money: they are declared only if the client asks for them. Options that make xAI
   refuse the request are dropped and named.
5. A choice without tools is refused upstream, so it is not sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from attrs import field, frozen

from ...errors import InvalidRequest
from ..conversation.question import Question
from ..conversation.tools import Choice, Tool, Toolbox, ToolKind
from ..models import LaneName
from .tool_schemas import combined_rules, object_schema

__all__ = [
    "MOST_TOOLS",
    "DeclaredTools",
    "call_arguments",
    "custom_text",
    "declare_tools",
    "safe_name",
    "upstream_names",
]

MOST_TOOLS: Mapping[LaneName, int] = {LaneName.API: 128, LaneName.CLI: 200}
"""The most tools of a request (xAI's OpenAPI document, 2026-11; for the CLI's host, other
gateways' limit).
"""

MOST_NAME = 64
"""Characters of a tool's name."""

_UNSAFE = re.compile("[^A-Za-z0-9_-]")
_TEXT = "input"
"""The one argument of a custom tool."""

_REFUSED = ("search_context_size", "user_location", "external_web_access")
"""Options of a search that exist for OpenAI's clients, and that xAI refuses."""


@frozen
class DeclaredTools:
    """The fields of a request for its tools.

    :ivar fields: ``tools``, ``tool_choice`` and ``parallel_tool_calls``, as far as they are needed.
    :ivar names: the full name of each of the client's tools -> its name upstream.
    :ivar custom: full names of the tools whose arguments are one text.
    :ivar ignored: names of searches, and of their options, that are left out.
    """

    fields: Mapping[str, Any] = field(factory=dict, repr=False)
    names: Mapping[str, str] = field(factory=dict)
    custom: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


def upstream_names(toolbox: Toolbox) -> Mapping[str, Tool]:
    """The tools of *toolbox* by their names upstream."""
    safe = {tool.full_name: tool for tool in toolbox.tools if _is_safe(tool.full_name)}
    for tool in toolbox.tools:
        if not _is_safe(tool.full_name):
            free = (name for name in _candidates(tool.full_name) if name not in safe)
            safe[next(free)] = tool
    return safe


def safe_name(full_name: str) -> str:
    """A name of the form that xAI takes, like this one; two names may become the same."""
    return _UNSAFE.sub("_", full_name)[:MOST_NAME] or "tool"


def call_arguments(arguments: str, *, custom: bool) -> str:
    """The arguments of an earlier call, as JSON of an object: xAI refuses others.

    :param custom: whether the tool takes one text.
    """
    if not custom:
        if not arguments.strip():
            return "{}"
        if _object(arguments) is not None:
            return arguments
    return orjson.dumps({_TEXT: arguments}).decode()


def custom_text(arguments: str) -> str:
    """The text for a custom tool, from the arguments of a call upstream; these themselves if they
    hold none.
    """
    found = _object(arguments)
    text = found.get(_TEXT) if found else None
    return text if isinstance(text, str) else arguments


def declare_tools(question: Question, lane: LaneName) -> DeclaredTools:
    """The tools of *question* for this lane.

    :raises InvalidRequest: if they are more than it takes.
    """
    names = {tool.full_name: name for name, tool in upstream_names(question.toolbox).items()}
    searches, ignored = _searches(question)
    shown = [_declared(tool, names[tool.full_name]) for tool in _shown(question.toolbox)]
    tools = [*shown, *searches]
    if len(tools) > MOST_TOOLS[lane]:
        message = (
            f"The request has {len(tools)} tools, and xAI takes {MOST_TOOLS[lane]} at most here."
        )
        raise InvalidRequest(message, param="tools")
    return DeclaredTools(
        {"tools": tools, **_choice(question.toolbox, names)} if tools else {},
        names,
        frozenset(
            tool.full_name for tool in question.toolbox.tools if tool.kind is ToolKind.CUSTOM
        ),
        ignored,
    )


def _shown(toolbox: Toolbox) -> tuple[Tool, ...]:
    some = toolbox.allowed is not None and not toolbox.only
    return toolbox.callable if some else toolbox.tools


def _is_safe(name: str) -> bool:
    return len(name) <= MOST_NAME and not _UNSAFE.search(name)


def _candidates(full_name: str) -> Iterator[str]:
    """Names for a tool, the best one first."""
    name = safe_name(full_name)
    yield name
    number = 0
    while True:
        mark = hashlib.blake2b(f"{number} {full_name}".encode(), digest_size=4).hexdigest()
        number += 1
        yield f"{name[: MOST_NAME - len(mark) - 1]}_{mark}"


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object in *text*; None if it is none."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _declared(tool: Tool, name: str) -> dict[str, Any]:
    described, parameters = tool.description, object_schema(tool.parameters)
    if tool.kind is ToolKind.CUSTOM:
        parameters = _one_text(tool.grammar)
    elif rules := combined_rules(tool.parameters):
        text = orjson.dumps(rules).decode()
        described = f"{described}\n\nThe arguments also fit this JSON schema: {text}".strip()
    return {
        "type": "function",
        "name": name,
        **({"description": described} if described else {}),
        "parameters": parameters,
        **({"strict": True} if tool.strict else {}),
    }


def _one_text(grammar: str) -> dict[str, Any]:
    described = "The whole input, as raw text."
    if grammar:
        described += f" It follows this grammar:\n{grammar}"
    return {
        "type": "object",
        "properties": {_TEXT: {"type": "string", "description": described}},
        "required": [_TEXT],
        "additionalProperties": False,
    }


def _choice(toolbox: Toolbox, names: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if toolbox.only:
        fields["tool_choice"] = {"type": "function", "name": names[toolbox.only]}
    elif toolbox.choice is not Choice.AUTO:
        fields["tool_choice"] = toolbox.choice.name.lower()
    if not toolbox.parallel:
        fields["parallel_tool_calls"] = False
    return fields


def _searches(question: Question) -> tuple[list[dict[str, Any]], frozenset[str]]:
    """The searches that are asked for, and the names of options that are left out."""
    declared = question.extras.searches
    if question.search is False:
        return [], frozenset(f"tools.{one['type']}" for one in declared)
    if question.search and not declared:
        return [{"type": "web_search"}, {"type": "x_search"}], frozenset()
    ignored = {f"tools.{one['type']}.{key}" for one in declared for key in _REFUSED if key in one}
    kept = [{key: one[key] for key in one if key not in _REFUSED} for one in declared]
    return kept, frozenset(ignored)
