"""Questions of these tests, made of plain values as they stand in a golden file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import evolve

from grokcore.protocol.conversation.attachments import Attachment
from grokcore.protocol.conversation.bounds import Bounds, TextFormat
from grokcore.protocol.conversation.enclosures import Enclosed
from grokcore.protocol.conversation.extras import Extras
from grokcore.protocol.conversation.messages import Message
from grokcore.protocol.conversation.question import Question
from grokcore.protocol.conversation.tools import Choice, Tool, Toolbox, ToolKind
from grokcore.protocol.models import SHIPPED, Limits
from tests.protocol.messages import message_of

__all__ = ["PLAIN", "asked", "attachment", "enclosing", "made"]

PLAIN = Question(SHIPPED["grok-4.1"], Limits(1, 2, 3), (Message("user", "hello"),))

TYPES = {"png": "image/png", "pdf": "application/pdf", "txt": "text/plain", "md": "text/plain"}


def asked(*messages: Message, **fields: Any) -> Question:
    """A question with these messages, or one that says hello."""
    return evolve(PLAIN, messages=messages or PLAIN.messages, **fields)


def attachment(name: str, path: str) -> Attachment:
    """A picture, file or text by the ending of its name."""
    return Attachment(f"({name})".encode(), TYPES[name.rpartition(".")[2]], name, path)


def enclosing(
    messages: Sequence[Message], sent: Collection[str], spare: Collection[str] = ()
) -> Enclosed:
    """The attachments of these names. Of two parts with one name, the first carries both."""
    first: dict[str, Attachment] = {}
    carriers = {}
    for part in (part for one in messages for part in one.attachments if part.name in sent):
        carrier = first.setdefault(part.name, attachment(part.name, part.path))
        carriers[part.path] = carrier.path
    spared = frozenset(one.path for name, one in first.items() if name in spare)
    return Enclosed(tuple(first.values()), carriers, spared)


def made(spec: Mapping[str, Any]) -> Question:
    """The question that the values of a golden file describe."""
    messages = tuple(message_of(index, *turn) for index, turn in enumerate(spec["turns"]))
    form = spec.get("text_format")
    return asked(
        *messages,
        enclosed=enclosing(messages, spec.get("sent", ()), spec.get("spare", ())),
        search=spec.get("search"),
        toolbox=_toolbox(spec),
        bounds=Bounds(
            most_tokens=spec.get("most_tokens"),
            text_format=TextFormat(**form) if form is not None else None,
        ),
        extras=Extras(spec.get("values", {}), tuple(spec.get("searches", ()))),
        asker=spec.get("asker", ""),
    )


def _toolbox(spec: Mapping[str, Any]) -> Toolbox:
    allowed = spec.get("allowed")
    tools = [
        Tool(**{**tool, "kind": ToolKind[tool.get("kind", "FUNCTION")]})
        for tool in spec.get("tools", ())
    ]
    return Toolbox(
        tuple(tools),
        Choice[spec.get("choice", "AUTO")],
        spec.get("only", ""),
        None if allowed is None else frozenset(allowed),
        spec.get("parallel", True),
    )
