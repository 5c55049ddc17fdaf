"""What of a correction reaches the client."""

from __future__ import annotations

from grokcore.protocol.conversation.events import (
    Activity,
    Event,
    Finished,
    Found,
    Progress,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolUse,
)
from grokcore.protocol.emulation.repairing import quiet


def test_reasoning_and_work_leave_activities_only() -> None:
    """They would come behind the answer's text, where clients don't expect them; the clocks need a
    sign of life.
    """
    source = Source("https://example.com/")
    silent: list[Event] = [Thinking("Hm"), ToolUse("web_search"), Found((source,)), Progress(50)]
    shown: list[Event] = [Text("{}"), ToolCall(0, "read", "{}"), Finished()]
    assert quiet([*silent, *shown]) == [Activity()] * 4 + shown
