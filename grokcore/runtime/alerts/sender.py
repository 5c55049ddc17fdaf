"""Delivery of alerts: each target has a queue and a task of its own, so that none waits for
another.

Rules
-----
1. A try that may end otherwise later is repeated: four tries within some ten minutes.
2. A queue is bounded; beyond, the oldest waiting alert is given up.
3. The first failure of a target is logged, and its next success. Between them it has a fault.
4. A target that has missed an alert does not get the message that it is mended.
5. No failure leaves here, and nothing waits for a delivery.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import trio
from attrs import define, field

from ...protocol.alerts.alert import Alert, AlertState
from ...protocol.alerts.kinds import AlertKind
from ...protocol.alerts.message import Message
from .target import Outcome, Target

__all__ = ["AlertSender"]

WAITS_S = (15.0, 105.0, 480.0)
"""Pauses between tries, in seconds: ten minutes together."""

MOST_WAITING = 20

_log = logging.getLogger(__name__)


class Settle(Protocol):
    """Is called once for a message."""

    def __call__(self, *, delivered: bool) -> None:
        """Note that the message has reached the owner, or nobody."""


@define(eq=False)
class _Delivery:
    """A message on its way to all targets.

    :ivar left: targets whose tries have not ended.
    """

    message: Message
    left: int
    settle: Settle
    _delivered: bool = field(default=False, init=False)

    def end(self, *, delivered: bool) -> None:
        """Note the end of one target's tries."""
        self.left -= 1
        if self._delivered:
            return
        if delivered or not self.left:
            self._delivered = delivered
            self.settle(delivered=delivered)


class _Channel:
    """A target with its queue."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._waiting: deque[_Delivery] = deque()
        self._more = trio.Event()
        self._missed: set[AlertKind] = set()
        self.failing = False

    @property
    def name(self) -> str:
        return self._target.name

    def put(self, delivery: _Delivery) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._end(self._waiting.popleft(), delivered=False)
        self._waiting.append(delivery)
        self._more.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            while not self._waiting:
                self._more = trio.Event()
                await self._more.wait()
            delivery = self._waiting.popleft()
            alert = delivery.message.alert
            if alert.state is AlertState.MENDED and alert.kind in self._missed:
                self._end(delivery, delivered=False)
                continue
            outcome = await self._try(delivery.message)
            self._note(outcome, alert)
            self._end(delivery, delivered=outcome.delivered)

    async def _try(self, message: Message) -> Outcome:
        outcome = await self._send(message)
        for wait in WAITS_S:
            if not (outcome.fault and outcome.again):
                break
            await trio.sleep(wait)
            outcome = await self._send(message)
        return outcome

    async def _send(self, message: Message) -> Outcome:
        try:
            return await self._target.send(message)
        except Exception:  # boundary: a bug of a target must not end the server
            _log.exception("a bug kept an alert from being sent")
            return Outcome("a bug kept it from being sent")

    def _note(self, outcome: Outcome, alert: Alert) -> None:
        what, place = self._target.name, self._target.place
        if outcome.fault and not self.failing:
            _log.warning("alerts: %s: %s", what, outcome.fault)
        elif self.failing and not outcome.fault:
            _log.info("alerts: %s: %s takes alerts again", what, place)
        if outcome.delivered:
            _log.info("alert sent: %s: %s (%s)", what, alert.kind.value, alert.state.value)
        self.failing = bool(outcome.fault)

    def _end(self, delivery: _Delivery, *, delivered: bool) -> None:
        alert = delivery.message.alert
        if alert.state is AlertState.BEGUN and not delivered:
            self._missed.add(alert.kind)
        else:
            self._missed.discard(alert.kind)
        delivery.end(delivered=delivered)


class AlertSender:
    """Sends messages to all targets while :meth:`run` runs."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._channels = [_Channel(target) for target in targets]

    def put(self, message: Message, settle: Settle) -> None:
        """Have *message* sent. Nothing is waited for.

        :param settle: called when the first target has it, or when the last one has been given up.
        """
        delivery = _Delivery(message, len(self._channels), settle)
        for channel in self._channels:
            channel.put(delivery)

    @property
    def failing(self) -> tuple[str, ...]:
        """The names of targets that did not take the last alert."""
        return tuple(channel.name for channel in self._channels if channel.failing)

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with trio.open_nursery() as nursery:
            for channel in self._channels:
                nursery.start_soon(channel.run)
