"""The parent's side of its workers' channels: the table, the values, questions to all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import trio
from attrs import define, field

from ...protocol.sharing.steps import read_step, written
from ...protocol.sharing.table import Table
from .channel import Channel, ChannelGone

__all__ = ["ASK_S", "CHANGE", "PEERS", "STEP", "WAKE", "Hub", "peer_topic"]

STEP, CHANGE, PEERS = "table.step", "table.change", "peers"
"""Topics of workers' questions to the parent."""

WAKE = "table.wake"
"""Topic of a notice to a worker: a step at once is worth it."""

ASK_S = 1.0
"""Seconds that a worker has to answer another one."""

VALUES_AT_MOST = 1000
"""Values that are kept; those that were changed longest ago are forgotten first."""


def peer_topic(topic: str) -> str:
    """The topic of a question that came from another worker."""
    return f"peer.{topic}"


@define
class _Seat:
    """A worker that is there.

    :ivar server: the name by which it makes steps; empty before the first.
    :ivar short: the kinds of tokens that it lacked in its last step.
    """

    channel: Channel
    server: str = ""
    short: frozenset[str] = frozenset()


@define
class Hub:
    """The parent's services for its workers.

    :param clock: seconds since 1970, by a clock that is not set.
    """

    _table: Table
    _clock: Callable[[], float]
    _seats: dict[int, _Seat] = field(factory=dict)
    _values: dict[str, str] = field(factory=dict)

    def join(self, index: int, channel: Channel) -> None:
        """Answer the questions of worker *index* from now on."""
        seat = self._seats[index] = _Seat(channel)

        async def step(value: object) -> object:
            made = read_step(value)
            seat.server = made.server
            reply = self._table.step(made, self._clock())
            if made.give or made.short.keys() - seat.short:
                self._wake_others(index)
            seat.short = frozenset(made.short)
            return written(reply)

        async def change(value: Mapping[str, str]) -> object:
            return self._change(value["name"], value["old"], value["new"])

        async def ask(value: Mapping[str, Any]) -> object:
            return await self._ask_others(index, value["topic"], value["argument"])

        channel.answer(STEP, step)
        channel.answer(CHANGE, change)
        channel.answer(PEERS, ask)

    def leave(self, index: int) -> None:
        """Forget a worker whose process has ended: its tokens are free at once."""
        seat = self._seats.pop(index, None)
        if seat is not None and seat.server:
            self._table.forget_server(seat.server)

    def _wake_others(self, index: int) -> None:
        """Have the other workers make a step at once: this one lacks tokens, or has given some."""
        for other, seat in self._seats.items():
            if other != index:
                seat.channel.tell(WAKE)

    def _change(self, name: str, old: str, new: str) -> dict[str, object]:
        """Replace a value, unless it is no longer *old*."""
        now = self._values.get(name, "")
        if now != old:
            return {"done": False, "value": now}
        self._values.pop(name, None)  # the one that changed last stands last
        self._values[name] = new
        while len(self._values) > VALUES_AT_MOST:
            del self._values[next(iter(self._values))]
        return {"done": True, "value": new}

    async def _ask_others(self, asker: int, topic: str, argument: object) -> list[Any]:
        """The answers of all workers but *asker*, of those that answer in time; in their order."""
        answers: dict[int, Any] = {}

        async def ask(index: int, channel: Channel) -> None:
            try:
                answers[index] = await channel.ask(peer_topic(topic), argument, seconds=ASK_S)
            except ChannelGone:
                return

        async with trio.open_nursery() as nursery:
            for index, seat in self._seats.items():
                if index != asker:
                    nursery.start_soon(ask, index, seat.channel)
        return [answers[index] for index in sorted(answers)]
