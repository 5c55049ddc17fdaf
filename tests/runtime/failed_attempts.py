"""Failed attempts as the gateway reports them."""

from __future__ import annotations

from grokcore.errors import GrokApiError
from grokcore.protocol.models import WebLane
from grokcore.runtime.completion.facts import FailedAttempt


def failed_attempt(
    error: GrokApiError,
    model: str = "grok-4",
    token_id: str = "",
    *,
    lane: WebLane = WebLane.SOCKET,
    egress: str = "direct",
    accepted: float = 0.0,
) -> FailedAttempt:
    return FailedAttempt(error, model, token_id, egress, lane, accepted)
