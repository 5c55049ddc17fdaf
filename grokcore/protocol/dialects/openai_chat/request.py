"""A chat-completions body, validated: JSON bytes in, :class:`ChatRequest` out.

Rules
-----
1. A field that Grok has nothing for (``seed`` …) never fails. Its name is in
   :attr:`ChatRequest.ignored`, which goes into a response header. Fields that only some lanes have
   nothing for (``temperature`` …) are in :attr:`ChatRequest.extras`.
2. A field that would make the answer a wrong one is refused with its path: more choices than
   :data:`MOST_CHOICES`, an answer as sound, probabilities of tokens. So is a part of the user's
   last message that can't be passed on.
3. ``functions`` and ``function_call`` are the older names of ``tools`` and ``tool_choice``. Where a
   request has both, the newer ones count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ....errors import InvalidRequest
from ...conversation.bounds import Bounds
from ...conversation.extras import Extras
from ...conversation.messages import Message
from ...conversation.tools import Tool, Toolbox
from ..ask import Ask
from ..bound_fields import parse_most_tokens, parse_stop, parse_text_format
from ..choice_fields import make_toolbox, parse_tool_choice
from ..extra_fields import ExtraFields, search_parameters_tools, search_tools, without_effect
from ..fields import (
    flag_field,
    number_field,
    object_field,
    required_string,
    unused_fields,
)
from ..json_body import json_object
from ..tool_fields import declared_tool, listed_tools, tool_type, unique_tools
from .messages import parse_messages

__all__ = ["MOST_CHOICES", "ChatRequest", "Message", "parse_chat_fields", "parse_chat_request"]

MOST_CHOICES = 4
"""Most choices of one answer. Each is a question to Grok."""

MOST_STOPS = 4
"""Most stop sequences, as in OpenAI's API."""

_USED = frozenset(
    {
        *("model", "messages", "stream", "stream_options", "n", "search", "web_search_options"),
        *("tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"),
        *("stop", "max_tokens", "max_completion_tokens", "response_format"),
    }
)


@frozen(kw_only=True)
class ChatRequest(Ask):
    """A validated chat request. (``search`` is a field of this server's own.)

    :ivar include_usage: whether a stream ends with a usage chunk.
    :ivar legacy_calls: whether a call is wanted as ``function_call``.
    """

    include_usage: bool = False
    legacy_calls: bool = False


def parse_chat_request(body: bytes) -> ChatRequest:
    """Validate a request body, whatever its content type said.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    :raises AttachmentRefused: a message has a part that can't be passed on.
    """
    return parse_chat_fields(json_object(body))


def parse_chat_fields(fields: Mapping[str, Any]) -> ChatRequest:
    """Validate the object that a body holds; errors as :func:`parse_chat_request`."""
    _refuse_what_changes_the_answer(fields)
    model = required_string(fields, "model")
    options = object_field(fields, "stream_options")
    conversation = parse_messages(_messages_of(fields))
    search, unused = _search(fields)
    toolbox, unread = _toolbox(fields)
    extras = _extras(fields)
    if search is None and extras.searches:
        search = True
    return ChatRequest(
        model=model,
        messages=conversation.messages,
        stream=flag_field(fields, "stream") or False,
        include_usage=flag_field(options, "include_usage", "stream_options.") or False,
        ignored=without_effect(
            {*unused_fields(fields, _USED), *conversation.dropped, *unused, *unread}, extras
        ),
        search=search,
        toolbox=toolbox,
        bounds=_bounds(fields),
        extras=extras,
        choices=number_field(fields, "n", most=MOST_CHOICES) or 1,
        legacy_calls=bool(fields.get("functions")) and not fields.get("tools"),
    )


def _messages_of(fields: Mapping[str, Any]) -> Any:
    messages = fields.get("messages")
    if messages is None:
        other = next(
            (name for name in ("input", "prompt", "contents") if fields.get(name) is not None), ""
        )
        hint = f" This route does not read {other}: put it into messages." if other else ""
        message = (
            f'messages is required: a list such as [{{"role": "user", "content": "Hello"}}].{hint}'
        )
        raise InvalidRequest(message, param="messages")
    return messages


# What would change the answer -------------------------------------------------------------------


def _refuse_what_changes_the_answer(fields: Mapping[str, Any]) -> None:
    modalities = fields.get("modalities")
    if "audio" in (modalities if isinstance(modalities, list) else [modalities]):
        raise InvalidRequest(
            'Answers are text: leave modalities out, or send ["text"].', param="modalities"
        )
    if fields.get("audio"):
        raise InvalidRequest("Answers are text, never sound: leave audio out.", param="audio")
    for name in ("logprobs", "top_logprobs"):
        if fields.get(name) not in (None, False, 0, [], {}):
            raise InvalidRequest(
                f"Grok gives no probabilities of tokens: leave {name} out.", param=name
            )


def _search(fields: Mapping[str, Any]) -> tuple[bool | None, list[str]]:
    """Whether Grok may search, and the names of options for it without effect.

    ``web_search_options`` asks for a search by being there; this server's own ``search`` overrides
    it.
    """
    search = flag_field(fields, "search")
    if fields.get("web_search_options") is None:
        return search, []
    options = object_field(fields, "web_search_options")
    unused = [f"web_search_options.{name}" for name, value in options.items() if value is not None]
    return (
        (True, unused) if search is None else (search, unused if search else ["web_search_options"])
    )


# Tools and bounds -------------------------------------------------------------------------------


def _toolbox(fields: Mapping[str, Any]) -> tuple[Toolbox, list[str]]:
    """The client's tools with the rules for their use, and names of other tools and fields."""
    tools, unread = _tools(fields.get("tools"))
    if fields.get("tools"):
        unread += [name for name in ("functions", "function_call") if fields.get(name)]
        chosen = parse_tool_choice(fields.get("tool_choice"))
        parallel = flag_field(fields, "parallel_tool_calls")
        return make_toolbox(tools, chosen, parallel=parallel is not False), unread
    functions = listed_tools(fields.get("functions"), "functions")
    tools = unique_tools(
        declared_tool({**one, "type": "function"}, f"functions[{index}]")
        for index, one in enumerate(functions)
    )
    param = "function_call" if fields.get("function_call") else "tool_choice"
    chosen = parse_tool_choice(fields.get(param), param)
    # The older form has room for one call.
    return make_toolbox(tools, chosen, parallel=not tools, param=param), unread


def _tools(value: Any) -> tuple[tuple[Tool, ...], list[str]]:
    """The tools that run at the client, and names of the others."""
    tools: list[Tool] = []
    unread: list[str] = []
    for index, declaration in enumerate(listed_tools(value, "tools")):
        kind = tool_type(declaration)
        if kind in ("function", "custom"):
            tools.append(declared_tool(declaration, f"tools[{index}]"))
        elif not kind.startswith("web_search"):  # that lets Grok search
            unread.append(f"tools.{kind}")
    return unique_tools(tools), unread


def _extras(fields: Mapping[str, Any]) -> Extras:
    found = ExtraFields(fields)
    found.usual()
    found.effort(fields.get("reasoning_effort"), "reasoning_effort")
    declared = fields.get("tools")
    listed = declared if isinstance(declared, list) else []
    searches = list(search_tools(tool for tool in listed if isinstance(tool, dict)))
    found.search(searches, {"tools.x_search" for one in searches if one["type"] == "x_search"})
    live = search_parameters_tools(fields.get("search_parameters"))
    if live and not searches:
        found.search(live, {"search_parameters"})
    return found.extras()


def _bounds(fields: Mapping[str, Any]) -> Bounds:
    return Bounds(
        parse_stop(fields.get("stop"), most=MOST_STOPS),
        parse_most_tokens(fields, "max_tokens", "max_completion_tokens"),
        parse_text_format(fields.get("response_format"), "response_format"),
    )
