"""The seam of decoders: bytes of an answer in, events out."""

from __future__ import annotations

from typing import Protocol

from ..counters import Counters
from .events import Event

__all__ = ["AnswerDecoder"]


class AnswerDecoder(Protocol):
    """Bytes of one answer in, events out. Pure; see
    :class:`grokcore.protocol.grok_web.decoder.Decoder`.
    """

    @property
    def counters(self) -> Counters:
        """Counts of skipped input."""

    @property
    def answered_by(self) -> str:
        """The model that answers, in the upstream's words; empty as long as it names none."""

    @property
    def stopped(self) -> bool:
        """Whether the upstream has said that the text is complete, while its last lines are still
        to come. So it is behind a whole call of a tool, where only another call may follow.
        """

    @property
    def concluded(self) -> bool:
        """Whether the whole answer has come, and only an error could still spoil it."""

    @property
    def cut_short(self) -> bool:
        """Whether the answer was ended before the upstream ended it: the rest is not wanted."""

    def receive(self, data: bytes) -> list[Event]:
        """The events that *data* completes, in order; none after the last one: a ``Finished``,
        ``Failed`` or ``Unusable``.
        """

    def close(self) -> list[Event]:
        """The events that follow from the end of the answer's bytes."""
