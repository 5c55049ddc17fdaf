"""The events of a corrected answer, as far as they belong into the first one."""

from __future__ import annotations

from collections.abc import Iterable

from ..conversation.events import Activity, Event, Found, Progress, Thinking, ToolUse

__all__ = ["quiet"]


def quiet(events: Iterable[Event]) -> list[Event]:
    """*events* without reasoning and work, which would come behind the answer's text.

    Each leaves an activity, so that as many events stay.
    """
    return [
        Activity() if isinstance(event, Thinking | ToolUse | Found | Progress) else event
        for event in events
    ]
