"""Why an answer ended, as Messages says it."""

from __future__ import annotations

from typing import Any

from ...conversation.events import End, Finished

__all__ = ["stop_fields"]

_REASONS = {
    End.STOP: "end_turn",
    End.STOP_SEQUENCE: "stop_sequence",
    End.LENGTH: "max_tokens",
    End.CALLS: "tool_use",
    End.REFUSAL: "refusal",
}


def stop_fields(finished: Finished) -> dict[str, Any]:
    """``stop_reason`` and ``stop_sequence``; of a refusal ``stop_details`` with its reason, too."""
    matched = finished.detail if finished.end is End.STOP_SEQUENCE else None
    fields = {"stop_reason": _REASONS[finished.end], "stop_sequence": matched}
    if finished.end is not End.REFUSAL:
        return fields
    details = {"type": "refusal", "category": None, "explanation": finished.detail or None}
    return {**fields, "stop_details": details}
