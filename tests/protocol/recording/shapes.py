"""Shapes of events: their kinds, counts, and the lengths of their texts, which redaction keeps."""

from __future__ import annotations

import attrs

from grokcore.protocol.conversation.events import Cited, Event, Failed, Found, ToolUse

__all__ = ["shape"]


def shape(event: Event) -> tuple[object, ...]:
    """Everything of an event that has to be the same: its kind, what is counted, and how long its texts
    are.
    """
    match event:
        case Failed(error):
            return Failed, type(error)
        case ToolUse(_, detail):
            return ToolUse, len(detail)
        case Cited(number, source):
            return Cited, number, len(source.url), len(source.title)
        case Found(sources):
            return Found, *((len(source.url), len(source.title)) for source in sources)
    values = attrs.astuple(event)
    return type(event), *(len(value) if isinstance(value, str) else value for value in values)
