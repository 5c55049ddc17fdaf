"""A chat-completions body, validated: JSON bytes in, :class:`ChatRequest` out.

Rules
-----
1. What Grok has nothing for (``temperature``, ``tools`` …) never fails; it is named in :attr:`ChatRequest.ignored`, and the
   client is told in a response header.
2. What would make the answer a wrong one is refused with the field's path: more than one choice, a forced tool call, a part
   of a message that can't be passed on.
3. ``null`` is the same as absent, as the SDKs send it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..errors import AttachmentRefused, InvalidRequest
from .attachments import ATTACHMENT_PARTS, AttachmentPart, parse_attachment_part
from .json_body import json_object

__all__ = ["ChatRequest", "Message", "parse_chat_request", "without_effect"]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")

_USED = frozenset({"model", "messages", "stream", "stream_options", "n", "search"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})
_UNSUPPORTED_PARTS = frozenset({"input_audio", "video_url"})
_HEADER_SAFE = re.compile(r"[^A-Za-z0-9_.-]")


@frozen
class Message:
    """One turn. *role* is one of system, developer, user, assistant, tool; *text* may be empty."""

    role: str
    text: str
    attachments: tuple[AttachmentPart, ...] = ()


@frozen
class ChatRequest:
    """What a client asked for.

    :ivar model: the public model name, as asked for.
    :ivar messages: at least one.
    :ivar stream: whether the answer is wanted as server-sent events.
    :ivar include_usage: whether a stream ends with a usage chunk.
    :ivar ignored: names of the parameters without effect, sorted, safe to put into a header.
    :ivar search: whether Grok may search the web; None leaves it to the model's row. (A field of this server's own.)
    """

    model: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]
    search: bool | None = None

    @property
    def attachments(self) -> tuple[AttachmentPart, ...]:
        """Those that go up: of the last user turn. Earlier ones are named in the transcript."""
        last = self._last_of_user
        return () if last is None else last.attachments

    @property
    def question(self) -> str:
        """The user's last words alone."""
        last = self._last_of_user
        return "" if last is None else last.text

    @property
    def _last_of_user(self) -> Message | None:
        return next((message for message in reversed(self.messages) if message.role == "user"), None)


def parse_chat_request(body: bytes) -> ChatRequest:
    """Validate a request body, whatever its content type said.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    :raises AttachmentRefused: a message has a part that can't be passed on.
    """
    fields = json_object(body)
    _refuse_what_changes_the_answer(fields)
    options = _optional(fields, "stream_options", dict) or {}
    return ChatRequest(
        model=_required_string(fields, "model"),
        messages=_messages(fields.get("messages")),
        stream=_optional(fields, "stream", bool) or False,
        include_usage=_optional(options, "include_usage", bool, "stream_options.") or False,
        ignored=without_effect(fields, _USED),
        search=_optional(fields, "search", bool),
    )


def _refuse_what_changes_the_answer(fields: Mapping[str, Any]) -> None:
    choices = fields.get("n")
    if choices is not None and (isinstance(choices, bool) or choices != 1):
        raise InvalidRequest("Only one choice per request is supported: leave n out or send 1.", param="n")
    tool_choice = fields.get("tool_choice")
    if tool_choice not in (None, "auto", "none"):
        message = "Grok's web sessions can't be made to call a tool: leave tool_choice out, or send auto or none."
        raise InvalidRequest(message, param="tool_choice")


def without_effect(fields: Mapping[str, Any], used: frozenset[str]) -> tuple[str, ...]:
    """Names of the parameters that are not among *used*: sorted, and safe to put into a header."""
    names = {_HEADER_SAFE.sub("", key)[:40] for key, value in fields.items() if key not in used and value is not None}
    return tuple(sorted(names - {""})[:40])


def _messages(value: Any) -> tuple[Message, ...]:
    if not isinstance(value, list):
        raise InvalidRequest("messages must be a list of messages.", param="messages")
    if not value:
        raise InvalidRequest("messages must hold at least one message.", param="messages")
    messages = tuple(_message(item, f"messages[{index}]") for index, item in enumerate(value))
    if not any(message.text.strip() or message.attachments for message in messages):
        raise InvalidRequest("messages hold no text.", param="messages")
    return messages


def _message(value: Any, path: str) -> Message:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path} must be an object with role and content.", param=path)
    role = value.get("role")
    if role not in ROLES:
        raise InvalidRequest(f"{path}.role must be one of {', '.join(ROLES)}.", param=f"{path}.role")
    parts = _content(value.get("content"), f"{path}.content")
    texts = [part for part in parts if isinstance(part, str)]
    attachments = tuple(part for part in parts if isinstance(part, AttachmentPart))
    text = "\n".join(filter(None, ("\n".join(texts), *_tool_calls(value.get("tool_calls")))))
    return Message("tool" if role == "function" else role, text, attachments)


def _content(value: Any, path: str) -> list[str | AttachmentPart]:
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a string or a list of parts.", param=path)
    return [_part(part, f"{path}[{index}]") for index, part in enumerate(value)]


def _part(value: Any, path: str) -> str | AttachmentPart:
    if isinstance(value, str):
        return value
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        raise InvalidRequest(f"{path} must be a part with a type, such as text.", param=path)
    if kind in ATTACHMENT_PARTS:
        return parse_attachment_part(kind, value, path)
    if kind in _UNSUPPORTED_PARTS:
        raise AttachmentRefused(f"{path}: Grok's web chat takes no parts of type {kind}.", param=path)
    if kind not in _TEXT_PARTS:
        raise InvalidRequest(f"{path} must be a part with a known type, such as text.", param=path)
    text = value.get("refusal" if kind == "refusal" else "text")
    if not isinstance(text, str):
        raise InvalidRequest(f"{path} of type {kind} must have its text as a string.", param=path)
    return text


def _tool_calls(value: Any) -> list[str]:
    """Earlier tool calls of the assistant, readable in the transcript; malformed ones are passed over."""
    calls = []
    for call in value if isinstance(value, list) else []:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            arguments = function.get("arguments")
            shown = arguments if isinstance(arguments, str) else _as_json(arguments)
            calls.append(f"[called {function.get('name')} with {shown}]")
    return calls


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "…"  # deeper than json writes, though orjson reads it; no tool has arguments like that


def _required_string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{name} is required and must be a string.", param=name)
    return value


def _optional(fields: Mapping[str, Any], name: str, kind: type, path: str = "") -> Any:
    value = fields.get(name)
    if value is not None and not isinstance(value, kind):
        wanted = {bool: "true or false", dict: "an object"}[kind]
        raise InvalidRequest(f"{path}{name} must be {wanted}.", param=f"{path}{name}")
    return value
