"""A decoder around another one: what all such decoders share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from ..conversation.decoder import AnswerDecoder
from ..conversation.events import Event
from ..counters import Counters

__all__ = ["WrappedDecoder"]


class WrappedDecoder(ABC):
    """A decoder that changes the events of another; see
    :class:`~grokcore.protocol.conversation.decoder.AnswerDecoder`.
    """

    def __init__(self, decoder: AnswerDecoder) -> None:
        self._decoder = decoder
        self._cut = False

    @abstractmethod
    def _passed_on(self, events: Iterable[Event]) -> list[Event]:
        """The events that go out in the place of *events*."""

    @property
    def counters(self) -> Counters:
        """As of the decoder inside."""
        return self._decoder.counters

    @property
    def answered_by(self) -> str:
        """As of the decoder inside."""
        return self._decoder.answered_by

    @property
    def stopped(self) -> bool:
        """Whether only the last lines are to come."""
        return not self._cut and self._decoder.stopped

    @property
    def concluded(self) -> bool:
        """Whether only an error could still come."""
        return not self._cut and self._decoder.concluded

    @property
    def cut_short(self) -> bool:
        """Whether the rest is not wanted, here or inside."""
        return self._cut or self._decoder.cut_short

    def receive(self, data: bytes) -> list[Event]:
        """The events that *data* completes; none after the answer was cut."""
        return [] if self._cut else self._passed_on(self._decoder.receive(data))

    def close(self) -> list[Event]:
        """The last events; none after the answer was cut."""
        return [] if self._cut else self._passed_on(self._decoder.close())
