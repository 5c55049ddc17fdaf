"""A Responses body, validated: JSON bytes in, :class:`ResponsesRequest` out.

Rules
-----
1. A field that Grok has nothing for never fails; its name is in :attr:`ResponsesRequest.ignored`.
2. A field that would make the answer a wrong one is refused with its path: state on a server, an
   answer in the background, probabilities of tokens.
3. References to stored responses and items stay marks: the store is not known here
   (:mod:`grokcore.protocol.dialects.openai_responses.references`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from ....errors import InvalidRequest
from ...conversation.bounds import Bounds
from ...conversation.extras import Extras
from ...conversation.messages import Message
from ..ask import Ask
from ..bound_fields import parse_most_tokens, parse_text_format
from ..extra_fields import ExtraFields, without_effect
from ..fields import (
    flag_field,
    object_field,
    required_string,
    unused_fields,
)
from ..json_body import json_object
from ..tool_fields import listed_tools
from .echo import echoed
from .input_items import Item, Transcript, is_reference, parse_input, tools_in
from .store import StoredItem
from .tools import Offered, parse_tools, with_choice

__all__ = [
    "ResponsesRequest",
    "parse_responses_fields",
    "parse_responses_request",
    "turns_of",
]

_USED = frozenset(
    {
        *("model", "input", "instructions", "previous_response_id", "stream", "store", "search"),
        *("tools", "tool_choice", "parallel_tool_calls", "max_output_tokens", "text"),
        *("metadata", "truncation", "background", "top_logprobs"),
    }
)
"""Fields that are read, echoed, or asked of no server but this one."""

_LOGPROBS = "message.output_text.logprobs"


@frozen(kw_only=True)
class ResponsesRequest(Ask):
    """A validated request.

    :ivar items: the input's own items, as the client wrote them; a bare text is one message.
    :ivar instructions: may be empty.
    :ivar previous: the id of the response that the input goes on from; may be empty.
    :ivar store: whether the response is kept for later references.
    :ivar shows_search: whether the client declared a web search, and so knows its items.
    :ivar echo: the fields that the response object repeats.
    :ivar history: the items before the input's own, once references are resolved.
    :ivar found: the items that references name, by id, once they are resolved.
    """

    items: tuple[Item, ...] = field(repr=False)
    instructions: str = field(default="", repr=False)
    previous: str = ""
    store: bool = True
    shows_search: bool = False
    echo: Mapping[str, Any] = field(factory=dict, repr=False)
    history: tuple[StoredItem, ...] = field(default=(), repr=False)
    found: Mapping[str, StoredItem] = field(factory=dict, repr=False)

    @property
    def refers(self) -> bool:
        """Whether it refers to stored responses or items."""
        return bool(self.previous) or any(map(is_reference, self.items))


def parse_responses_request(body: bytes) -> ResponsesRequest:
    """Validate a request body, whatever its content type said.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    :raises AttachmentRefused: a message has a part that can't be passed on.
    """
    return parse_responses_fields(json_object(body))


def parse_responses_fields(fields: Mapping[str, Any]) -> ResponsesRequest:
    """Validate the object that a body holds; errors as :func:`parse_responses_request`."""
    _refuse_what_changes_the_answer(fields)
    model = required_string(fields, "model")
    instructions = _text(fields, "instructions")
    items = _items(fields)
    previous = _text(fields, "previous_response_id")
    transcript = parse_input(items)
    offered = _offered(fields, items)
    search = flag_field(fields, "search")
    messages, extras = turns_of(instructions, transcript), _extras(fields, offered)
    if not previous and not any(map(is_reference, items)):
        require_words(messages)
    return ResponsesRequest(
        model=model,
        messages=messages,
        stream=flag_field(fields, "stream") or False,
        ignored=without_effect({*_unused(fields), *transcript.dropped, *offered.ignored}, extras),
        search=offered.search if search is None else search,
        toolbox=offered.toolbox,
        bounds=Bounds(
            most_tokens=parse_most_tokens(fields, "max_output_tokens"),
            text_format=parse_text_format(
                object_field(fields, "text").get("format"), "text.format"
            ),
        ),
        extras=extras,
        items=tuple(items),
        instructions=instructions,
        previous=previous,
        store=flag_field(fields, "store") is not False,
        shows_search=offered.search is True,
        echo=echoed(fields, offered.echo),
    )


def turns_of(instructions: str, transcript: Transcript) -> tuple[Message, ...]:
    """The turns of a conversation, with the *instructions* first."""
    first = (Message("system", instructions),) if instructions else ()
    return (*first, *transcript.messages)


def require_words(messages: Sequence[Message]) -> None:
    """Refuse a conversation without content.

    :raises InvalidRequest: if there is nothing but instructions, or less.
    """
    if all(message.empty for message in messages):
        raise InvalidRequest("input holds no text.", param="input")


def _items(fields: Mapping[str, Any]) -> list[Item]:
    value = fields.get("input")
    if value is None and fields.get("previous_response_id"):
        return []
    if isinstance(value, str):
        part = {"type": "input_text", "text": value}
        return [{"type": "message", "role": "user", "content": [part]}]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        other = "messages" if fields.get("messages") is not None else ""
        hint = " This route does not read messages: put them into input." if other else ""
        raise InvalidRequest(
            f"input is required: a string, or a list of items.{hint}", param="input"
        )
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            path = f"input[{index}]"
            raise InvalidRequest(f"{path} must be an object.", param=path)
    return value


def _offered(fields: Mapping[str, Any], items: Sequence[Item]) -> Offered:
    declared = [
        (f"tools[{index}]", tool)
        for index, tool in enumerate(listed_tools(fields.get("tools"), "tools"))
    ]
    declared += [(path, tool) for path, tool in tools_in(items) if isinstance(tool, dict)]
    parallel = flag_field(fields, "parallel_tool_calls") is not False
    return with_choice(parse_tools(declared), fields.get("tool_choice"), parallel=parallel)


def _extras(fields: Mapping[str, Any], offered: Offered) -> Extras:
    found = ExtraFields(fields)
    found.usual()
    found.reasoning()
    found.search(offered.searches, offered.search_names)
    return found.extras()


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string.", param=name)
    return value


def _unused(fields: Mapping[str, Any]) -> set[str]:
    names = {name for name in unused_fields(fields, _USED) if fields[name] not in ([], {})}
    if object_field(fields, "text").get("verbosity") is not None:
        names.add("text.verbosity")
    return names


def _refuse_what_changes_the_answer(fields: Mapping[str, Any]) -> None:
    if fields.get("conversation") is not None:
        raise InvalidRequest(
            "Conversations are not kept here: send the whole input, or previous_response_id.",
            param="conversation",
        )
    if flag_field(fields, "background"):
        raise InvalidRequest(
            "Answers in the background are not supported: leave background out.",
            param="background",
        )
    include = fields.get("include")
    if isinstance(include, list) and _LOGPROBS in include:
        raise InvalidRequest(
            f"Grok gives no probabilities of tokens: leave {_LOGPROBS} out.", param="include"
        )
    if fields.get("top_logprobs") not in (None, False, 0):
        raise InvalidRequest(
            "Grok gives no probabilities of tokens: leave top_logprobs out.", param="top_logprobs"
        )
