"""``input`` of a Responses request as turns of a conversation.

Rules
-----
1. The user's last message is read strictly, all others mildly
   (:mod:`grokcore.protocol.dialects.parts`).
2. An item of an unknown type is dropped and named, never refused: clients send their history again
   with every request, so a refusal would end the conversation (codex#32318).
3. A message may lack its type, as opencode and AI SDK send it (2026-11).
4. A call is a part of the assistant's turn before it, its result a turn of its own. A result of an
   unknown call is shown all the same.
5. Calls and results of OpenAI's own tools are a line of text each; so is what they ran or found.
6. Reasoning is dropped: Grok can't read it back. A reference is left alone here
   (:mod:`grokcore.protocol.dialects.openai_responses.references`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from ....errors import InvalidRequest
from ...conversation.attachment_part import AttachmentPart
from ...conversation.messages import Call, Message
from ..parts import Dropped, Piece, as_json, parse_call, parse_parts, text_of

__all__ = ["Transcript", "is_reference", "item_type", "parse_input", "tools_in"]

ROLES = ("system", "developer", "user", "assistant", "tool")

Item = Mapping[str, Any]

_PARTS = frozenset({"input_text", "input_image", "input_file", "text", "image_url"})
"""Parts of a message that some clients send as items."""

_OWN_CALLS: Mapping[str, tuple[str, ...]] = {
    "local_shell_call": ("action",),
    "shell_call": ("action",),
    "apply_patch_call": ("operation",),
    "computer_call": ("action", "actions"),
    "web_search_call": ("action",),
    "file_search_call": ("queries",),
    "code_interpreter_call": ("code",),
    "image_generation_call": ("revised_prompt",),
    "tool_search_call": ("arguments",),
    "mcp_call": ("server_label", "name", "arguments", "output", "error"),
    "mcp_approval_request": ("server_label", "name", "arguments"),
    "mcp_approval_response": ("approve", "reason"),
}
"""Items for OpenAI's own tools, and the keys that are shown of them."""

_OWN_RESULTS = frozenset(
    {
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "computer_call_output",
    }
)


@frozen
class Transcript:
    """The turns of an input, oldest first.

    :ivar dropped: names of items and parts that are in none of them.
    """

    messages: tuple[Message, ...]
    dropped: frozenset[str] = field(default=frozenset())


def item_type(item: Item) -> str:
    """The type of an item; an untyped one is a message, or a reference if it has nothing but an
    id.
    """
    kind = item.get("type")
    if isinstance(kind, str) and kind:
        return kind
    if "role" in item:
        return "message"
    return "item_reference" if isinstance(item.get("id"), str) and len(item) <= 2 else ""


def is_reference(item: Item) -> bool:
    """Whether the item only names another one."""
    return item_type(item) == "item_reference"


def tools_in(items: Sequence[Item]) -> Iterator[tuple[str, Any]]:
    """The tools that items of the type ``additional_tools`` declare, each with its path."""
    for index, item in enumerate(items):
        if item_type(item) == "additional_tools" and isinstance(item.get("tools"), list):
            for place, tool in enumerate(item["tools"]):
                yield f"input[{index}].tools[{place}]", tool


def parse_input(items: Sequence[Item], before: Sequence[Item] = ()) -> Transcript:
    """The turns of *items*.

    :param before: items of earlier requests and responses, which precede them.
    :raises InvalidRequest: if a message is malformed; ``param`` has its path.
    :raises AttachmentRefused: if the user's last message has a part that can't be passed on.
    """
    last = next((i for i in reversed(range(len(items))) if _is_users(items[i])), None)
    messages: list[Message] = []
    dropped: set[str] = set()
    for index, item in enumerate(before):
        _read(item, _Place(f"previous[{index}]", strict=False), messages, dropped)
    for index, item in enumerate(items):
        _read(item, _Place(f"input[{index}]", strict=index == last), messages, dropped)
    return Transcript(_with_names(messages), frozenset(dropped))


@frozen
class _Place:
    """Where an item stands, and whether it is read strictly."""

    path: str
    strict: bool


def _is_users(item: Item) -> bool:
    kind = item_type(item)
    return kind in _PARTS or (kind == "message" and item.get("role") == "user")


def _read(item: Item, place: _Place, messages: list[Message], dropped: set[str]) -> None:
    """Add the turns of *item* to *messages*, and the names of parts without a turn to *dropped*."""
    kind = item_type(item)
    reader = _READERS.get(kind)
    if reader is not None:
        reader(item, place, messages, dropped)
    elif kind in _PARTS:
        pieces = parse_parts(item, place.path, strict=place.strict)
        messages.append(_filled(Message("user", ""), pieces, dropped))
    elif kind in _OWN_CALLS:
        _own_call(item, kind, messages)
    elif kind in _OWN_RESULTS:
        _result(item, place, messages, dropped, name=kind.removesuffix("_call_output"))
    elif not kind:
        message = f"{place.path} must be an item with a type, or a message with a role."
        raise InvalidRequest(message, param=place.path)
    elif kind not in ("item_reference", "additional_tools"):
        dropped.add(f"input.{kind}")


def _message(item: Item, place: _Place, messages: list[Message], dropped: set[str]) -> None:
    role = item.get("role")
    if role not in ROLES:
        path = f"{place.path}.role"
        raise InvalidRequest(f"{path} must be one of {', '.join(ROLES)}.", param=path)
    pieces = parse_parts(item.get("content"), f"{place.path}.content", strict=place.strict)
    if role == "tool":  # as in chat completions
        turn = Message("tool", "", name=_word(item, "name"), call_id=_word(item, "tool_call_id"))
    else:
        turn = Message(role, "")
    messages.append(_filled(turn, pieces, dropped))
    calls = item.get("tool_calls")
    if role == "assistant" and isinstance(calls, list):
        for call in calls:
            if isinstance(call, dict):
                _call(call, place, messages, dropped)


def _call(item: Item, _place: _Place, messages: list[Message], dropped: set[str]) -> None:
    """A call joins the assistant's turn before it, behind its text."""
    pieces = list(parse_call(item, f"input.{item_type(item)}"))
    unread = {piece.name for piece in pieces if isinstance(piece, Dropped)}
    dropped |= {name for name in unread if not name.endswith(".namespace")}
    namespace = _word(item, "namespace")
    calls = [
        evolve(piece, name=f"{namespace}.{piece.name}" if namespace else piece.name)
        for piece in pieces
        if isinstance(piece, Call)
    ]
    turn = _assistants_turn(messages)
    messages[-1] = evolve(turn, calls=(*turn.calls, *calls))


def _own_call(item: Item, kind: str, messages: list[Message]) -> None:
    """A call of one of OpenAI's own tools, as a line of text."""
    shown = {key: item[key] for key in _OWN_CALLS[kind] if item.get(key) is not None}
    call = Call(_word(item, "call_id"), kind.removesuffix("_call"), as_json(shown))
    turn = _assistants_turn(messages)
    if turn.calls:
        turn = Message("assistant", "")
        messages.append(turn)
    messages[-1] = evolve(turn, text="\n".join(filter(None, (turn.text, str(call)))))


def _assistants_turn(messages: list[Message]) -> Message:
    """The last turn if it is the assistant's, else a new one, which is the last from then on."""
    if not messages or messages[-1].role != "assistant":
        messages.append(Message("assistant", ""))
    return messages[-1]


def _result(
    item: Item, place: _Place, messages: list[Message], dropped: set[str], name: str = ""
) -> None:
    """The result of a call: text, or parts. It is never refused."""
    pieces = parse_parts(item.get("output"), f"{place.path}.output", strict=False)
    turn = Message("tool", "", name=name, call_id=_word(item, "call_id"))
    messages.append(_filled(turn, pieces, dropped))


_READERS: Mapping[str, Callable[[Item, _Place, list[Message], set[str]], None]] = {
    "message": _message,
    "function_call": _call,
    "custom_tool_call": _call,
    "function_call_output": _result,
    "custom_tool_call_output": _result,
}


def _filled(turn: Message, pieces: Sequence[Piece], dropped: set[str]) -> Message:
    """*turn* with the texts and attachments of *pieces*; calls among them are lines of text."""
    texts: list[str] = []
    attachments: list[AttachmentPart] = []
    for piece in pieces:
        if isinstance(piece, AttachmentPart):
            attachments.append(piece)
        elif isinstance(piece, Dropped):
            dropped.add(piece.name)
        elif isinstance(piece, str | Call):
            texts.append(str(piece))
        else:
            inner = _filled(turn, piece.pieces, dropped)
            texts.append(inner.text)
            attachments += inner.attachments
    return evolve(turn, text="\n".join(filter(None, texts)), attachments=tuple(attachments))


def _word(item: Item, key: str) -> str:
    found = item.get(key)
    return text_of(found) if isinstance(found, str | int | float) else ""


def _with_names(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Results get the name of the call that they answer."""
    names: dict[str, str] = {}
    named: list[Message] = []
    for message in messages:
        names.update({call.id: call.name for call in message.calls if call.id})
        name = names.get(message.call_id) if message.role == "tool" and not message.name else ""
        named.append(evolve(message, name=name) if name else message)
    return tuple(named)
