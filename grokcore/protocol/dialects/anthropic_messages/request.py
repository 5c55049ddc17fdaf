"""A Messages body, validated: JSON bytes in, :class:`MessagesRequest` out.

Rules
-----
1. Only a malformed request is refused. Claude Code answers a 400 by sending the request again
   without features, six times in all (tried with 2.1.332, 2026-11). The exception is ``thread``:
   messages that a server is to remember. Without them, the rest of the conversation makes no sense.
   anthropic-python's tool runner sends it, and after the refusal sends all messages (2.14).
2. A field that Grok has nothing for never fails. Its name is in
   :attr:`MessagesRequest.ignored`, which goes into a response header.
3. ``max_tokens`` may be absent, although Anthropic requires it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from ....errors import InvalidRequest
from ...conversation.bounds import Bounds
from ...conversation.extras import Extras
from ..anthropic_errors import THREAD
from ..ask import Ask
from ..bound_fields import parse_most_tokens, parse_stop, parse_text_format
from ..extra_fields import ExtraFields, without_effect
from ..fields import flag_field, object_field, required_string, unused_fields
from ..json_body import json_object
from .kit import Kit, parse_kit
from .turns import parse_conversation

__all__ = ["MessagesRequest", "parse_messages_fields", "parse_messages_request"]

_USED = frozenset(
    {
        *("model", "messages", "system", "stream", "max_tokens", "stop_sequences", "tools"),
        *("tool_choice", "thinking", "output_config", "output_format"),
    }
)

_THINKING = frozenset({"enabled", "adaptive"})
"""Types of ``thinking`` whose answers have thinking blocks. Between tools there is no thinking
here: each answer ends with its calls.
"""


@frozen(kw_only=True)
class MessagesRequest(Ask):
    """A validated Messages request.

    :ivar thinking: whether the answer has blocks with the model's thinking.
    :ivar search_blocks: whether the answer has blocks with Grok's searches.
    """

    thinking: bool = False
    search_blocks: bool = False


def parse_messages_request(body: bytes) -> MessagesRequest:
    """Validate a request body, whatever its content type said.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    :raises AttachmentRefused: the user's last message has a picture or document that can't be
        passed on.
    """
    return parse_messages_fields(json_object(body))


def parse_messages_fields(fields: Mapping[str, Any]) -> MessagesRequest:
    """Validate the object that a body holds; errors as :func:`parse_messages_request`."""
    _refuse_thread(fields)
    model = required_string(fields, "model")
    conversation = parse_conversation(fields)
    kit = parse_kit(fields, conversation.known_tools)
    extras = _extras(fields, kit)
    return MessagesRequest(
        model=model,
        messages=conversation.messages,
        stream=flag_field(fields, "stream") or False,
        ignored=without_effect({*_unused(fields), *conversation.dropped, *kit.ignored}, extras),
        search=kit.search,
        toolbox=kit.toolbox,
        bounds=_bounds(fields),
        extras=extras,
        thinking=_shows_thinking(fields),
        search_blocks=kit.search_blocks,
    )


def _refuse_thread(fields: Mapping[str, Any]) -> None:
    if fields.get("thread") is not None:
        raise InvalidRequest(
            "This server keeps no message threads: send all messages with each request.",
            param=THREAD,
        )


def _unused(fields: Mapping[str, Any]) -> Iterator[str]:
    yield from unused_fields(fields, _USED)
    yield from (f"output_config.{name}" for name in unused_fields(_output(fields), {"format"}))
    yield from (
        f"thinking.{name}"
        for name in unused_fields(object_field(fields, "thinking"), {"type", "display"})
    )


def _output(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return object_field(fields, "output_config")


_PASSED_ON = frozenset({"tools.web_search.allowed_domains", "tools.web_search.blocked_domains"})
"""Options of Anthropic's search that xAI's has too."""


def _extras(fields: Mapping[str, Any], kit: Kit) -> Extras:
    found = ExtraFields(fields)
    found.number("temperature", most=2)
    found.number("top_p", most=1)
    found.thinking()
    found.effort(_output(fields).get("effort"), "output_config.effort")
    found.search(kit.searches, kit.ignored & _PASSED_ON)
    return found.extras()


def _bounds(fields: Mapping[str, Any]) -> Bounds:
    form, param = _output(fields).get("format"), "output_config.format"
    if form is None:  # the field's place in the beta of 2025
        form, param = fields.get("output_format"), "output_format"
    return Bounds(
        parse_stop(fields.get("stop_sequences"), "stop_sequences"),
        parse_most_tokens(fields, "max_tokens"),
        parse_text_format(form, param),
    )


def _shows_thinking(fields: Mapping[str, Any]) -> bool:
    thinking = object_field(fields, "thinking")
    kind = thinking.get("type")
    return isinstance(kind, str) and kind in _THINKING and thinking.get("display") != "omitted"
