"""The other workers of this server: their figures for reports, and what they keep.

With one worker, all of this is empty and waits for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import trio

from ..protocol.workers.figures import Figures, faults_of_all, minutes_of_all, sums, team
from ..runtime.workers.peers import NoPeers, Peers
from .observing.history import Fault, Minute

__all__ = ["FIGURES", "Fellows"]

FIGURES = "figures"
"""The topic of the figures of one worker."""

SHARED_S = 1.0
"""Age (seconds) up to which figures are shown again."""


class Fellows:
    """The workers beside this one.

    :ivar figures: the last figures of those that answered.
    """

    def __init__(self, peers: Peers | None = None) -> None:
        self.peers: Peers = peers or NoPeers()
        self.figures: Sequence[Figures] = ()
        self._taken_at = -math.inf
        self._one_at_a_time = trio.Lock()

    @property
    def alone(self) -> bool:
        """Whether this server is one process."""
        return self.peers.count == 1

    async def refresh(self) -> None:
        """Ask for :attr:`figures`, if they are older than a second. Takes a second at most."""
        if self.alone:
            return
        async with self._one_at_a_time:
            if trio.current_time() >= self._taken_at + SHARED_S:
                self.figures = await self.peers.ask(FIGURES)
                self._taken_at = trio.current_time()

    async def ask(self, topic: str, argument: object = None) -> Sequence[Any]:
        """Ask all others; empty with one worker."""
        return () if self.alone else await self.peers.ask(topic, argument)

    def health(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """The report of ``/health`` for the whole server. What is known of tokens, every worker
        knows.
        """
        if self.alone:
            return {**report, "workers": None}
        own = {"worker": self.peers.index, "restarts": self.peers.restarts}
        return {
            **sums(report, self.figures, ("open", "waiting")),
            "workers": team(own, self.figures, self.peers.count),
        }

    def minutes(self, own: Sequence[Minute]) -> list[dict[str, Any]]:
        """The minutes of the last hour, of all workers."""
        rows = [attrs.asdict(minute) for minute in own]
        return rows if self.alone else minutes_of_all(rows, self.figures)

    def faults(self, own: Sequence[Fault]) -> Sequence[Fault]:
        """The last faults of all workers, newest first."""
        if self.alone:
            return own
        rows = faults_of_all([attrs.asdict(fault) for fault in own], self.figures)
        return [Fault(**row) for row in rows]

    async def first(self, topic: str, argument: object) -> Any:
        """The first answer of another worker that is not None; None if there is no such."""
        answers = await self.ask(topic, argument)
        return next((answer for answer in answers if answer is not None), None)

    def answering(self, answers: Sequence[Mapping[str, Any]]) -> list[bool]:
        """For each worker, whether it is among those that gave *answers*."""
        there = {self.peers.index, *(answer["worker"] for answer in answers)}
        return [number in there for number in range(self.peers.count)]
