"""The system prompt and the messages of a Messages request as turns.

Rules
-----
1. Messages may have the role ``system``, anywhere. Claude Code puts one behind the first message
   of the user (tried with 2.1.332, 2026-11).
2. Each result of a tool is a turn of its own, in order; the rest of its message follows them.
   Results are never refused: neither for an unknown or missing id, nor for their place.
3. Text, pictures and documents of the user's last message are read strictly, all else mildly
   (:mod:`grokcore.protocol.dialects.parts`).
4. Earlier thinking is dropped, and its signature is not looked at. Of tools that run at Anthropic a
   call is one short line, and its result is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from ....errors import InvalidRequest
from ...conversation.attachment_part import AttachmentPart
from ...conversation.messages import Call, Message
from ..parts import Dropped, Piece, Result, as_json, parse_parts

__all__ = ["ROLES", "Conversation", "parse_conversation"]

ROLES = ("user", "assistant", "system")

BILLING = "x-anthropic-billing-header:"
"""The beginning of a block that Claude Code puts first. It changes with every request, and says
nothing to a model.
"""

_STRICT = frozenset({"", "text", "image", "document"})
"""Types of blocks that are refused in the user's last message if they can't be passed on."""

_READ = frozenset(
    {
        *("role", "content", "id", "type", "model", "cache_control", "usage", "container"),
        *("stop_reason", "stop_sequence", "stop_details", "diagnostics"),
    }
)
"""Keys of a message that are read, or that answers have and clients send back."""

MOST_LINE_CHARS = 200


@frozen
class Conversation:
    """All turns of a request, oldest first; at least one is not empty.

    :ivar dropped: names of fields and blocks that are in none of them, for the response header.
    :ivar known_tools: names of tools that the history calls, or that a result has made known.
    """

    messages: tuple[Message, ...]
    dropped: frozenset[str] = field(default=frozenset())
    known_tools: frozenset[str] = field(default=frozenset())


def parse_conversation(fields: Mapping[str, Any]) -> Conversation:
    """The values of ``system`` and ``messages``.

    :raises InvalidRequest: with the path of the field at fault in ``param``.
    :raises AttachmentRefused: the user's last message has a picture or document that can't be
        passed on.
    """
    reading = _Reading()
    reading.add_system(fields.get("system"))
    listed = _listed(fields.get("messages"))
    last = next((i for i in reversed(range(len(listed))) if listed[i].get("role") == "user"), None)
    for index, message in enumerate(listed):
        reading.add(message, f"messages[{index}]", strict=index == last)
    return reading.conversation()


def _listed(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not value:
        hint = 'a list such as [{"role": "user", "content": "Hello"}].'
        raise InvalidRequest(f"messages is required: {hint}", param="messages")
    for index, message in enumerate(value):
        path = f"messages[{index}]"
        if not isinstance(message, dict):
            raise InvalidRequest(f"{path} must be an object with role and content.", param=path)
        if message.get("role") not in ROLES:
            roles = ", ".join(ROLES)
            raise InvalidRequest(f"{path}.role must be one of {roles}.", param=f"{path}.role")
    return value


class _Reading:
    """The turns so far, and names that they bring up."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._dropped: set[str] = set()
        self._known: set[str] = set()

    def add_system(self, value: Any) -> None:
        """Add the value of ``system``."""
        if not isinstance(value, str | list | None):
            raise InvalidRequest("system must be a string or a list of blocks.", param="system")
        pieces = list(_pieces(_without_billing(value), "system", strict=False))
        self._note(pieces)
        self._messages.append(_filled(Message("system", ""), pieces))

    def add(self, message: Mapping[str, Any], path: str, *, strict: bool) -> None:
        """Add the turns of one message.

        :param strict: whether it is the user's last.
        """
        role, content = message["role"], message.get("content")
        if role == "system":
            content = _without_billing(content)
        self._known.update(_referenced(content))
        pieces = list(_pieces(content, f"{path}.content", strict=strict))
        self._note(pieces)
        self._dropped.update(f"messages.{key}" for key in message if key not in _READ)
        results = [_of_tool(piece) for piece in pieces if isinstance(piece, Result)]
        own = _filled(Message(role, ""), pieces)
        self._messages += [own, *results] if role == "assistant" else [*results, own]

    def conversation(self) -> Conversation:
        """The whole.

        :raises InvalidRequest: if there is nothing in it.
        """
        filled = tuple(message for message in self._messages if not message.empty)
        if not any(message.role != "system" for message in filled):
            raise InvalidRequest("messages hold no text.", param="messages")
        calls = [call for message in filled for call in message.calls]
        names = {call.id: call.name for call in calls if call.id}
        named = (
            evolve(message, name=names.get(message.call_id, ""))
            if message.role == "tool"
            else message
            for message in filled
        )
        known = self._known.union(call.name for call in calls)
        return Conversation(tuple(named), frozenset(self._dropped), frozenset(known))

    def _note(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, Dropped):
                self._dropped.add(piece.name)
            elif isinstance(piece, Result):
                self._note(piece.pieces)


def _without_billing(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return [block for block in content if not _is_billing(block)]


def _is_billing(block: Any) -> bool:
    text = block.get("text") if isinstance(block, dict) else block
    return isinstance(text, str) and text.startswith(BILLING)


# Blocks -----------------------------------------------------------------------------------------


def _pieces(content: Any, path: str, *, strict: bool) -> Iterator[Piece]:
    if not isinstance(content, list):
        yield from parse_parts(content, path, strict=strict)
        return
    for index, block in enumerate(content):
        yield from _of_block(block, f"{path}[{index}]", strict=strict)


def _of_block(block: Any, path: str, *, strict: bool) -> Iterator[Piece]:
    kind = _type_of(block)
    if kind == "tool_result":
        block = {**block, "content": _spelled_out(block.get("content"))}
    elif kind.endswith("_tool_use"):
        yield _line(block)
        return
    elif kind.endswith("_tool_result"):
        yield Dropped(f"parts.{kind}")
        return
    yield from parse_parts(block, path, strict=strict and kind in _STRICT)


def _type_of(block: Any) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    return kind if isinstance(kind, str) else ""


def _line(block: Mapping[str, Any]) -> str:
    """A call of a tool that ran at Anthropic, or here, in one line."""
    name, given = block.get("name"), block.get("input")
    task = f": {as_json(given)}" if given else ""
    line = f"[used {name if isinstance(name, str) and name else 'a tool'}{task}"
    return f"{line[:MOST_LINE_CHARS]}]"


def _spelled_out(content: Any) -> Any:
    """The content of a result, in which references to tools are sentences."""
    if not isinstance(content, list):
        return content
    return [
        {"type": "text", "text": f"The tool {name} is now available."}
        if (name := _reference(block))
        else block
        for block in content
    ]


def _reference(block: Any) -> str:
    """The name of the tool that a ``tool_reference`` makes known; empty if it is none."""
    name = block.get("tool_name") if _type_of(block) == "tool_reference" else None
    return name if isinstance(name, str) else ""


def _referenced(content: Any) -> Iterator[str]:
    """The names in all references within results."""
    for block in content if isinstance(content, list) else ():
        inner = block.get("content") if isinstance(block, dict) else None
        if isinstance(inner, dict):  # of Anthropic's own tool search
            inner = inner.get("tool_references")
        yield from filter(None, map(_reference, inner if isinstance(inner, list) else ()))


# Turns ------------------------------------------------------------------------------------------


def _of_tool(result: Result) -> Message:
    turn = Message("tool", "", call_id=result.call_id, failed=result.error)
    return _filled(turn, result.pieces)


def _filled(turn: Message, pieces: Sequence[Piece]) -> Message:
    """*turn* with the text, attachments and calls of *pieces*; results are other turns."""
    calls = [piece for piece in pieces if isinstance(piece, Call)]
    own = calls if turn.role == "assistant" else []
    texts = [
        str(piece)
        for piece in pieces
        if isinstance(piece, str) or (isinstance(piece, Call) and not own)
    ]
    return evolve(
        turn,
        text="\n".join(filter(None, texts)),
        attachments=tuple(piece for piece in pieces if isinstance(piece, AttachmentPart)),
        calls=tuple(own),
    )
