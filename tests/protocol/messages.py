"""Messages for golden prompts and requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grokcore.protocol.conversation.attachment_part import AttachmentPart
from grokcore.protocol.conversation.messages import Call, Message

__all__ = ["message_of"]


def message_of(
    index: int,
    role: str,
    text: str,
    names: Sequence[str] = (),
    fields: Mapping[str, Any] | None = None,
) -> Message:
    """A message whose parts have these names; one that ends with ``png`` is a picture's. *fields* are
    others of the message.
    """
    parts = [
        AttachmentPart(name.endswith("png"), "https://example.com/", name, f"{index}.{place}")
        for place, name in enumerate(names)
    ]
    fields = dict(fields or {})
    calls = tuple(Call(*call) for call in fields.pop("calls", ()))
    return Message(role, text, tuple(parts), calls=calls, **fields)
