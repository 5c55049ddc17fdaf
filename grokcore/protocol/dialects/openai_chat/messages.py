"""The messages of a chat request as turns: speaker, text, attachments, calls of tools and their
results.

Rules
-----
1. The user's last message is read strictly, all others mildly
   (:mod:`grokcore.protocol.dialects.parts`).
2. A tool's result is a turn of its own, of the role ``tool``, wherever it stood: in a message of
   that role, or among the parts of a user's message. It has the id and the name of the call that it
   answers.
3. Nothing vanishes silently: :attr:`Conversation.dropped` names the fields and parts that are in no
   turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from ....errors import InvalidRequest
from ...conversation.attachment_part import AttachmentPart
from ...conversation.messages import Call, Message
from ..parts import Dropped, Piece, Result, parse_call, parse_parts, text_of

__all__ = ["ROLES", "Conversation", "parse_messages"]

ROLES = ("system", "developer", "user", "assistant", "tool", "function")

_READ = frozenset(
    {
        *("role", "tool_calls", "function_call", "refusal"),
        *("id", "type", "status", "phase", "index", "cache_control", "annotations"),
    }
)
"""Keys of a message that are read, or hold none of its content."""

_PICTURE_KEYS = ("images", "experimental_attachments")
"""Pictures and files beside the content: Ollama's, and those of AI SDK's older pages."""


@frozen
class Conversation:
    """All messages of a request, oldest first; at least one is not empty.

    :ivar dropped: names of fields and parts that are in none of them, for the response header.
    """

    messages: tuple[Message, ...]
    dropped: frozenset[str] = field(default=frozenset())


def parse_messages(value: Any) -> Conversation:
    """The value of ``messages``.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    :raises AttachmentRefused: the user's last message has a part that can't be passed on.
    """
    if not isinstance(value, list):
        hint = 'put the message into a list, such as [{"role": "user", "content": "Hello"}].'
        raise InvalidRequest(
            f"messages must be a list of messages{_colon(value)}{hint}", param="messages"
        )
    if not value:
        raise InvalidRequest("messages must hold at least one message.", param="messages")
    last = next((i for i in reversed(range(len(value))) if _is_users(value[i])), None)
    messages: list[Message] = []
    dropped: set[str] = set()
    for index, item in enumerate(value):
        turns, left = _turns(item, f"messages[{index}]", strict=index == last)
        messages += turns
        dropped |= left
    filled = [message for message in messages if not message.empty]
    if not filled:
        raise InvalidRequest("messages hold no text.", param="messages")
    # A lone question goes to Grok as the user wrote it.
    alone = len(filled) == 1 and filled[0].role == "user"
    if any(message.name and (alone or message.empty) for message in messages):
        dropped.add("messages.name")
    return Conversation(_with_names(messages), frozenset(dropped))


def _colon(value: Any) -> str:
    return ": " if isinstance(value, str | dict) else "; "


def _is_users(value: Any) -> bool:
    return isinstance(value, dict) and value.get("role") == "user"


def _turns(value: Any, path: str, *, strict: bool) -> tuple[list[Message], set[str]]:
    """The turns of one message, and the names of its fields and parts that are in none."""
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path} must be an object with role and content.", param=path)
    role = value.get("role")
    if role not in ROLES:
        raise InvalidRequest(
            f"{path}.role must be one of {', '.join(ROLES)}.", param=f"{path}.role"
        )
    role = "tool" if role == "function" else role
    pieces = [*_pieces(value, path, strict=strict)]
    dropped = {piece.name for piece in _all_of(pieces) if isinstance(piece, Dropped)}
    turn = Message(
        role,
        "",
        name=_word(value, "name"),
        call_id=_word(value, "tool_call_id") if role == "tool" else "",
    )
    if role == "assistant":
        return [_filled(turn, pieces)], dropped
    results = [piece for piece in pieces if isinstance(piece, Result)]
    rest = [piece for piece in pieces if not isinstance(piece, Result)]
    own = _filled(turn, rest)
    if not results:
        return [own], dropped
    turns = [_filled(_of_tool(result, turn), result.pieces) for result in results]
    if own.text.strip() or own.attachments:
        return [*turns, own], dropped
    used = {text for result in turns for text in (result.name, result.call_id)}
    fields = {"messages.name": turn.name, "messages.tool_call_id": turn.call_id}
    return turns, dropped | {name for name, text in fields.items() if text and text not in used}


def _of_tool(result: Result, turn: Message) -> Message:
    """The turn of a result, which is within *turn*."""
    name, call_id = (turn.name, turn.call_id) if turn.role == "tool" else ("", "")
    return Message(
        "tool", "", name=result.name or name, call_id=result.call_id or call_id, failed=result.error
    )


def _filled(turn: Message, pieces: Sequence[Piece]) -> Message:
    """*turn* with the text, attachments and calls of *pieces*.

    The assistant's calls stand behind its text, unless their results are among the pieces.
    """
    answered = {piece.call_id for piece in pieces if isinstance(piece, Result)}
    calls: list[Call] = []
    texts: list[str] = []
    attachments: list[AttachmentPart] = []
    for piece in pieces:
        match piece:
            case Call() if turn.role == "assistant" and piece.id not in answered:
                calls.append(piece)
            case Result():
                inner = _filled(Message("tool", ""), piece.pieces)
                which = " ".join(filter(None, (piece.name, piece.call_id))) or "a tool"
                texts += [f"[result of {which}]", inner.text]
                attachments += inner.attachments
            case AttachmentPart():
                attachments.append(piece)
            case str() | Call():
                texts.append(str(piece))
    return evolve(
        turn,
        text="\n".join(filter(None, texts)),
        attachments=tuple(attachments),
        calls=tuple(calls),
    )


def _all_of(pieces: Sequence[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        yield piece
        if isinstance(piece, Result):
            yield from _all_of(piece.pieces)


def _pieces(value: Mapping[str, Any], path: str, *, strict: bool) -> Iterator[Piece]:
    """The pieces of a message: its content, then those of its other fields."""
    key = (
        "parts"
        if value.get("content") is None and isinstance(value.get("parts"), list)
        else "content"
    )
    strict_here = strict and value["role"] == "user"
    yield from parse_parts(value.get(key), f"{path}.{key}", strict=strict_here)
    yield text_of(value.get("refusal"))
    for name in _PICTURE_KEYS:
        yield from _pictures(value.get(name), f"{path}.{name}", strict=strict_here)
    yield from _calls(value)
    words = ("name", "tool_call_id") if value["role"] in ("tool", "function") else ("name",)
    read = {*_READ, *_PICTURE_KEYS, key, *(word for word in words if _word(value, word))}
    for name, other in value.items():
        if name not in read and isinstance(other, str | list | dict) and other:
            yield Dropped(f"messages.{name}")


def _pictures(value: Any, path: str, *, strict: bool) -> Iterator[Piece]:
    """A list of pictures: addresses, base64, or parts, which may have no type."""
    for index, item in enumerate(
        value if isinstance(value, list) else [] if value is None else [value]
    ):
        part = {"type": "image", "image": item} if isinstance(item, str) else item
        if isinstance(part, dict) and "type" not in part:
            part = {"type": "file", **part}
        yield from parse_parts(part, f"{path}[{index}]", strict=strict)


def _calls(value: Mapping[str, Any]) -> Iterator[Piece]:
    """Earlier calls of the assistant; malformed ones are named."""
    calls = value.get("tool_calls")
    for call in calls if isinstance(calls, list) else [calls] if calls else []:
        yield from _call(call, "tool_calls")
    if value.get("function_call"):
        yield from _call(value["function_call"], "function_call")


def _call(value: Any, key: str) -> Iterator[Piece]:
    pieces = list(parse_call(value, f"messages.{key}")) if isinstance(value, dict) else []
    if any(isinstance(piece, Call) and (piece.name or piece.arguments) for piece in pieces):
        yield from pieces
    else:
        yield Dropped(f"messages.{key}")


def _word(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return text_of(found) if isinstance(found, str | int | float) else ""


def _with_names(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Results of tools get the name of the call that they answer, unless they have one."""
    names: dict[str, str] = {}
    named_turns = []
    for message in messages:
        names.update({call.id: call.name for call in message.calls if call.id})
        named = message.role == "tool" and not message.name and names.get(message.call_id)
        named_turns.append(evolve(message, name=named) if named else message)
    return tuple(named_turns)
