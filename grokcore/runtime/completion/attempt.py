"""An attempt at an answer: a lease, an exchange, a decoder and clocks in; events or one error
out.
"""

from __future__ import annotations

import trio

from ...errors import GrokApiError, TransportFailure
from ...protocol.conversation.decoder import AnswerDecoder
from ...protocol.conversation.events import Event, Failed, Finished, Unusable, Used
from ..lanes.lane import AnswerExchange, Lane
from ..pool.leases import AnyLease
from .alarm import AlarmClock
from .waiting import Waits

__all__ = ["Attempt"]

ABORT_S = 1.0
"""Bound for letting the upstream go in the middle of its answer, in seconds. As a rule it takes
well under a millisecond.
"""


_ENDS = (Finished, Unusable, Failed)
"""A tuple, since a union would be made anew for every piece of an answer."""


class Attempt:
    """A request to Grok for a completion.

    Call :meth:`first_events`, then :meth:`more_events` until it returns a ``Finished`` or an
    ``Unusable``. :meth:`end` gives lease and exchange back, whichever way the attempt ends.

    :param lane: the lane that *exchange* was opened by.
    :param waits: of the completion; its clocks have begun the attempt.
    :ivar lease: settled with a success as soon as the answer is known to be whole.
    :ivar finished: whether the answer is whole.
    :ivar failure: the error that came behind events which have been returned already.
    :ivar doubtful: whether the upstream has taken the question, and has not said what became of it.
        It may then have written, and charged for, an answer that did not arrive.
    """

    def __init__(
        self,
        lane: Lane,
        lease: AnyLease,
        exchange: AnswerExchange,
        decoder: AnswerDecoder,
        waits: Waits,
        alarm: AlarmClock,
    ) -> None:
        self.lease = lease
        self.finished = False
        self.failure: GrokApiError | None = None
        self.doubtful = False
        self.decoder = decoder
        self._lane = lane
        self._exchange = exchange
        self._waits = waits
        self._clocks = waits.clocks
        self._alarm = alarm

    def wake(self) -> None:
        """Make a wait for more events look at the interruption."""
        self._exchange.wake()

    async def first_events(self) -> list[Event]:
        """The first meaningful events.

        :raises GrokApiError: if Grok refused, failed or was too slow, or the completion was
            interrupted.
        """
        await self._waits.under_clocks(self._exchange.accepted)
        self.doubtful = True
        events: list[Event] = []
        while True:
            data = self._exchange.read_nowait()
            if data is None:
                data = await self._waits.under_clocks(self._exchange.read)
            elif self._waits.interruption is not None:
                raise self._waits.interruption
            events += self._decode(data)
            if _has_content(events):
                self.lease.answering()
                await self._let_go()
                return events

    async def more_events(self, until: float) -> list[Event]:
        """The events that have arrived, at least one; none if nothing came until *until* (trio's
        time).

        May be cancelled and called again; nothing is lost.

        :raises GrokApiError: if the answer broke off.
        """
        if self.failure is not None:
            raise self.failure
        while True:
            if self._waits.interruption is not None:
                raise self._waits.interruption
            now = trio.current_time()
            if now >= self._clocks.total_at and not self.decoder.concluded:
                raise self._clocks.out_of_time()  # also of an upstream that never pauses
            data = self._arrived(now)
            if data is not None:
                events = self._decode(data)
                if events:
                    await self._let_go()
                    return events
            elif now < until:
                self._alarm.set(self._exchange, min(self._clocks.deadline, until))
                await self._exchange.wait()
            else:
                return []

    async def _let_go(self) -> None:
        """Abort the exchange at once if the rest of the answer is not wanted: the client may be
        slow to read the part that is.
        """
        if self.decoder.cut_short:
            # Shielded, since the events are decoded and would be lost.
            with trio.CancelScope(shield=True, deadline=trio.current_time() + ABORT_S):
                await self._exchange.aclose()

    async def end(self, error: GrokApiError | None) -> None:
        """Settle the lease, and close the exchange. Safe to repeat: the first outcome counts.

        :param error: the failure of the attempt, if it failed; secrets are taken out of it.
        """
        if error is not None:
            for secret in self.lease.secrets:
                error.redact(secret)
            self._lane.failed(self.lease, error)
        self.lease.settle(error)
        self._alarm.clear(self._exchange)
        await self._exchange.aclose()

    async def abandon(self) -> None:
        """End it without an outcome, since the client left or has the whole answer."""
        if self.failure is not None:
            self.lease.settle(self.failure)  # no client is left, but the pool learns from it
        self.lease.abandon()
        if self.finished and not self.decoder.cut_short:
            await self._exchange.drain()
        await self.end(None)

    def _arrived(self, now: float) -> bytes | None:
        """The next input of the decoder: a piece of the answer, ``b""`` for its end, None for
        nothing yet.

        :raises GrokApiError: if a clock is due, or the connection broke.
        """
        try:
            data = self._exchange.read_nowait()
        except TransportFailure:
            if not (self.decoder.stopped or self.decoder.concluded):
                raise
            return b""  # Grok has said that the answer is complete
        if data is None and now >= self._clocks.deadline:
            error = self._clocks.expired()
            if error is not None:
                raise error
            return b""  # the whole answer is here; the end of the stream did not come in time
        return data

    def _decode(self, data: bytes) -> list[Event]:
        """Decode *data* (``b""`` is the end). A failure behind other events is kept for the next
        call.

        :raises GrokApiError: if there is only a failure.
        """
        events = self.decoder.receive(data) if data else self.decoder.close()
        now = trio.current_time()
        if events:
            self._clocks.heard(now)
        if self.decoder.stopped:
            self._clocks.stopped(now)
        elif self.decoder.concluded:
            self._clocks.concluded(now)
        if not events:
            return events
        for event in events[-2:]:
            if isinstance(event, Used):
                self.lease.used(event.usage)
        last = events[-1]
        if isinstance(last, _ENDS):
            self._note_end(last, events)
        return events

    def _note_end(self, last: Finished | Unusable | Failed, events: list[Event]) -> None:
        """Note the end of the answer; take a failure off *events*.

        :raises GrokApiError: if there is only a failure.
        """
        self.doubtful = False
        if not isinstance(last, Failed):
            self.finished = True
            self.lease.settle(None)
            return
        self.failure = last.error
        del events[-1]
        if not _has_content(events):
            raise self.failure


def _has_content(events: list[Event]) -> bool:
    """Whether there is more than a count."""
    return any(not isinstance(event, Used) for event in events)
