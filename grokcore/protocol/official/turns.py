"""A conversation as input items of xAI's Responses API.

Rules
-----
1. Every speaker has its own role. Assistants speak ``output_text``, all others ``input_text``.
2. Calls and results are ``function_call`` and ``function_call_output``, also those of custom tools
   (:mod:`.tools`). Their ids come from :mod:`.pairing`.
3. A result whose call is not there becomes the user's text. A call without a result gets one that
   says so.
4. No content is empty. A name of a user or of the system stands before the text.
5. Only a user's message holds pictures and files. Those of a tool follow its results in a message
   of their own; those of an assistant or of the system precede its words.
6. A text file is part of the words, behind its name. A part that is not sent there is named.
7. The beginning of an answer stays the assistant's message at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from ..conversation.attachment_part import AttachmentPart
from ..conversation.attachments import Attachment
from ..conversation.enclosures import Enclosed
from ..conversation.messages import Call, Message
from .pairing import Pairing, paired
from .tools import DeclaredTools, call_arguments, safe_name

__all__ = ["Item", "Part", "input_items"]

Part: TypeAlias = "dict[str, Any] | Attachment"
"""A part of a content. An :class:`Attachment` is encoded at the end
(:mod:`grokcore.protocol.official.requests`).
"""

Item: TypeAlias = dict[str, Any]

NO_RESULT = "(There is no result.)"
EMPTY_RESULT = "(The result is empty.)"
FAILED = "The tool failed:"


def input_items(
    messages: Sequence[Message], enclosed: Enclosed, tools: DeclaredTools
) -> list[Item]:
    """The items of *messages*; none if all of them are empty."""
    spoken = [message for message in messages if not message.empty]
    return _Turns(enclosed, tools, paired(spoken)).of(spoken)


class _Turns:
    """The items of one conversation, as they are made."""

    def __init__(self, enclosed: Enclosed, tools: DeclaredTools, pairing: Pairing) -> None:
        self._contents = {one.path: one for one in enclosed.attachments}
        self._carriers = enclosed.carriers
        self._tools = tools
        self._pairing = pairing
        self._answered = frozenset(pairing.results.values())
        self._items: list[Item] = []
        self._of_tools: list[Part] = []

    def of(self, messages: Sequence[Message]) -> list[Item]:
        for index, message in enumerate(messages):
            if message.role == "tool":
                self._result(message, self._pairing.results.get(index))
                continue
            self._flush()
            if message.role == "user":
                self._say(
                    "user", [*_texts(_named(message, self._text(message))), *self._files(message)]
                )
            else:
                self._others(message)
                self._calls(message.calls, self._pairing.calls[index])
        self._flush()
        return self._items

    def _others(self, message: Message) -> None:
        """A turn of the assistant or of the system."""
        files = list(self._files(message))
        if files:
            self._say("user", [*_texts(f"Files from the {message.role}:"), *files])
        text = self._text(message)
        if message.role == "assistant":
            self._say("assistant", _texts(text, "output_text"))
        else:
            self._say(message.role, _texts(_named(message, text)))

    def _calls(self, calls: Sequence[Call], ids: Sequence[str]) -> None:
        for call, own in zip(calls, ids, strict=True):
            item = {
                "type": "function_call",
                "call_id": own,
                "name": self._tools.names.get(call.name) or safe_name(call.name),
                "arguments": call_arguments(call.arguments, custom=call.name in self._tools.custom),
            }
            self._items.append(item)
        self._items += [_output(own, NO_RESULT) for own in ids if own not in self._answered]

    def _result(self, message: Message, call_id: str | None) -> None:
        text = self._text(message)
        if message.failed:
            text = f"{FAILED}\n{text}" if text else FAILED
        files = list(self._files(message))
        about = message.name or "a tool"
        if call_id is None:
            self._flush()
            self._say("user", [*_texts(f"[result of {about}]\n{text or EMPTY_RESULT}"), *files])
            return
        self._items.append(_output(call_id, text or EMPTY_RESULT))
        if files:
            self._of_tools += [*_texts(f"Files of the result of {about}:"), *files]

    def _flush(self) -> None:
        self._say("user", self._of_tools)
        self._of_tools = []

    def _say(self, role: str, parts: list[Part]) -> None:
        if parts:
            self._items.append({"type": "message", "role": role, "content": parts})

    def _text(self, message: Message) -> str:
        """The words of *message*, and the names of its parts that are not sent with it."""
        lines = [message.text] if message.text.strip() else []
        for part in message.attachments:
            carrier = self._carriers.get(part.path)
            if carrier != part.path:
                where = "not sent" if carrier is None else "sent elsewhere"
                lines.append(f"[{_part_name(part)}, {where}]")
        return "\n".join(lines)

    def _files(self, message: Message) -> Iterator[Part]:
        for part in message.attachments:
            if self._carriers.get(part.path) == part.path:
                yield _file(self._contents[part.path])


def _texts(text: str, kind: str = "input_text") -> list[Part]:
    return [{"type": kind, "text": text}] if text else []


def _file(attachment: Attachment) -> Part:
    if attachment.media_type != "text/plain":
        return attachment
    words = attachment.data.decode("utf-8", "replace")
    return {"type": "input_text", "text": f"[file {attachment.name}]\n{words}"}


def _output(call_id: str, text: str) -> Item:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def _named(message: Message, text: str) -> str:
    return f"{message.name} says:\n\n{text}" if message.name and text else text


def _part_name(part: AttachmentPart) -> str:
    name = " ".join(part.name.split())[:200]
    return "image" if part.picture else f"file {name or 'without a name'}"
