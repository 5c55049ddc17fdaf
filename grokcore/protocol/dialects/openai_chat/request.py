"""A chat-completions body, validated: JSON bytes in, :class:`ChatRequest` out.

Rules
-----
1. A field that Grok has nothing for (``temperature``, ``tools`` …) never fails. Its name is in
   :attr:`ChatRequest.ignored`, which goes into a response header.
2. A field that would make the answer a wrong one is refused with its path: more than one choice, a
   forced tool call, an answer as sound, probabilities of tokens. So is a part of the user's last
   message that can't be passed on.
3. ``null`` is the same as absent, as the SDKs send it; so is an empty list where an object is meant
   (PHP). A number or a string may stand for a flag, if it can't be mistaken.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from attrs import frozen

from ....errors import InvalidRequest
from ...conversation.messages import Message
from ..ask import Ask
from ..json_body import json_object
from .messages import parse_messages
from .tool_choice import forces_a_tool

__all__ = [
    "ChatRequest",
    "Message",
    "header_names",
    "parse_chat_fields",
    "parse_chat_request",
]

_USED = frozenset(
    {"model", "messages", "stream", "stream_options", "n", "search", "web_search_options"}
)
_HEADER_SAFE = re.compile(r"[^A-Za-z0-9_.-]")
_MOST_NAMES = 40

_FLAGS: Mapping[Any, bool] = {
    **dict.fromkeys(("true", "1"), True),
    **dict.fromkeys(("false", "0", ""), False),
}


@frozen(kw_only=True)
class ChatRequest(Ask):
    """A validated chat request. (``search`` is a field of this server's own.)

    :ivar include_usage: whether a stream ends with a usage chunk.
    """

    include_usage: bool = False


def parse_chat_request(body: bytes) -> ChatRequest:
    """Validate a request body, whatever its content type said.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    :raises AttachmentRefused: a message has a part that can't be passed on.
    """
    return parse_chat_fields(json_object(body))


def parse_chat_fields(fields: Mapping[str, Any]) -> ChatRequest:
    """Validate the object that a body holds; errors as :func:`parse_chat_request`."""
    _refuse_what_changes_the_answer(fields)
    model = _required_string(fields, "model")
    options = _object(fields, "stream_options")
    conversation = parse_messages(_messages_of(fields))
    search, unused = _search(fields)
    return ChatRequest(
        model=model,
        messages=conversation.messages,
        stream=_flag(fields, "stream") or False,
        include_usage=_flag(options, "include_usage", "stream_options.") or False,
        ignored=_safe({*_unused(fields, _USED), *conversation.dropped, *unused}),
        search=search,
    )


def header_names(names: Collection[str]) -> tuple[str, ...]:
    """*names* as they go into a response header: sorted, safe, of bounded length and number.

    If there are too many, the last says how many more.
    """
    safe = _safe(names)
    if len(safe) <= _MOST_NAMES:
        return safe
    return (*safe[: _MOST_NAMES - 1], f"and-{len(safe) - _MOST_NAMES + 1}-more")


def _unused(fields: Mapping[str, Any], used: frozenset[str]) -> list[str]:
    return [key for key, value in fields.items() if key not in used and value is not None]


def _safe(names: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({_HEADER_SAFE.sub("", name[:200])[:40] for name in names} - {""}))


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
    if fields.get("n") not in (None, 1, "1") or isinstance(fields.get("n"), bool):
        raise InvalidRequest(
            "Only one choice per request is supported: leave n out or send 1.", param="n"
        )
    for name in ("tool_choice", "function_call"):
        if forces_a_tool(fields.get(name), name):
            raise InvalidRequest(
                f"Grok's web sessions can't be made to call a tool: leave {name} out, or send auto "
                "or none.",
                param=name,
            )
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
    search = _flag(fields, "search")
    if fields.get("web_search_options") is None:
        return search, []
    options = _object(fields, "web_search_options")
    unused = [f"web_search_options.{name}" for name, value in options.items() if value is not None]
    return (
        (True, unused) if search is None else (search, unused if search else ["web_search_options"])
    )


# Fields -----------------------------------------------------------------------------------------


def _required_string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} is required and must be a string.", param=name)
    return value


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object; empty if it is absent, or an empty list."""
    value = fields.get(name)
    if value is None or value == []:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name} must be an object.", param=name)
    return value


def _flag(fields: Mapping[str, Any], name: str, path: str = "") -> bool | None:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise InvalidRequest(f"{path}{name} must be true or false.", param=f"{path}{name}")
