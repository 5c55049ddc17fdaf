"""Facts about a completion that others show: its failed attempts, its times, its manner."""

from __future__ import annotations

from attrs import define, frozen

from ...errors import GrokApiError
from ...protocol.conversation.question import Rendering
from ...protocol.models import LaneName, WebLane

__all__ = ["FailedAttempt", "Manner", "Times"]


@frozen
class FailedAttempt:
    """A failed attempt, by Grok's or the egress's fault.

    :ivar token_id: short hash of the token that it was made with.
    :ivar egress: name of the egress that was used.
    :ivar lane: the way to grok.com whose request failed. Attachments go up over REST, whatever the
        model's. None for an official lane.
    :ivar accepted: trio's time when the request was accepted; its settings are of that time, or
        newer.
    :ivar asked: the lane whose credential it was made with.
    """

    error: GrokApiError
    model: str
    token_id: str
    egress: str
    lane: WebLane | None
    accepted: float
    asked: LaneName = LaneName.WEB


@define
class Times:
    """Shares of a completion's time.

    :ivar queue_s: seconds it waited for tokens.
    :ivar upload_s: seconds its pictures and files took on their way to Grok.
    :ivar first_at: trio's time of the first meaningful event; None before.
    """

    queue_s: float = 0.0
    upload_s: float = 0.0
    first_at: float | None = None


@frozen
class Manner:
    """How a question was put, for the response headers.

    :ivar lane: the lane that it was put to.
    :ivar in_file: and *tools_note*, *counts*: as in its
        :class:`~grokcore.protocol.conversation.question.Rendering`.
    """

    lane: LaneName
    in_file: bool = False
    tools_note: str = ""
    counts: bool = False

    @classmethod
    def of(cls, lane: LaneName, rendering: Rendering) -> Manner:
        """The manner of *rendering* by *lane*."""
        return cls(lane, rendering.in_file, rendering.tools_note, rendering.counts)
