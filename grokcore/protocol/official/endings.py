"""The last events of an answer whose terminal event has come."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ...errors import (
    ContentPolicyViolation,
    EmptyAnswer,
    GrokApiError,
    IncompleteAnswer,
    ToolCallFailed,
)
from ..conversation.events import End, Event, Failed, Finished, ToolCall, Used
from ..models import LaneName
from ..upstream_words import cleaned
from .answer import Answer
from .calls import Calls
from .refusals import error_of_event
from .usage_values import usage_of

__all__ = ["Ending", "ended"]

_STATUSES = frozenset({"completed", "incomplete", "failed", "cancelled"})


@frozen
class Ending:
    """An answer whose terminal event has come.

    :ivar refusal: the model's words for its refusal; may be empty.
    :ivar lost: whether text may be missing.
    """

    answer: Answer
    calls: Calls
    refusal: str
    lost: bool
    lane: LaneName


def ended(what: Ending, status: str, response: dict[str, Any]) -> list[Event]:
    """The last events: pages that nothing cites, calls, the counts, and the end itself.

    :param status: as the terminal event's type has it; the response's own goes before it.
    """
    told = response.get("status")
    status = told if isinstance(told, str) and told in _STATUSES else status
    calls = list(what.calls.whole())
    last = _last(what, status, response, calls)
    events: list[Event] = []
    if isinstance(last, Finished):
        left = what.answer.sources.left()
        events += [left] if left else []
        events += [call for call in calls if call is not None]
    usage = usage_of(response.get("usage"))
    if usage is not None:
        events.append(Used(usage))
    return [*events, last]


def _last(
    what: Ending, status: str, response: dict[str, Any], calls: list[ToolCall | None]
) -> Finished | Failed:
    if status == "cancelled":
        return Failed(IncompleteAnswer("xAI cancelled its answer."))
    if status == "failed":
        return Failed(error_of_event(response.get("error"), lane=what.lane))
    fault = _fault(what, calls, whole=status != "incomplete")
    if fault is not None:
        return Failed(fault)
    if status == "incomplete":
        return _cut(what, response.get("incomplete_details"))
    if what.refusal:
        return Finished(End.REFUSAL, cleaned(what.refusal))
    if calls:
        return Finished(End.CALLS)
    if not what.answer.shown:
        return Failed(EmptyAnswer("xAI ended its answer in good order, with nothing in it."))
    return Finished()


def _fault(what: Ending, calls: list[ToolCall | None], *, whole: bool) -> GrokApiError | None:
    """The fault of an answer that xAI calls complete, or cut at a limit (not *whole*)."""
    if what.lost:
        return IncompleteAnswer("Parts of xAI's answer were lost on the way.")
    if what.calls.too_many:
        return ToolCallFailed("xAI's answer calls tools too many times.")
    if whole and what.calls.unfinished:
        return IncompleteAnswer("xAI's answer ended within a call of a tool.")
    if None in calls:
        return ToolCallFailed("The arguments of a call by xAI's model are no JSON object.")
    return None


def _cut(what: Ending, details: Any) -> Finished | Failed:
    reason = details.get("reason") if isinstance(details, dict) else details
    if reason in ("max_output_tokens", "max_tokens", "length"):
        return Finished(End.LENGTH)
    if reason != "content_filter":
        said = cleaned(reason) or "no reason given"
        return Failed(IncompleteAnswer(f"xAI ended its answer before it was complete ({said})."))
    if what.answer.shown:
        return Finished(End.REFUSAL, cleaned(what.refusal) or "xAI's moderation cut the answer.")
    return Failed(ContentPolicyViolation("xAI moderated this content."))
