"""The other workers of a server that has several: their figures for reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import trio

from ..protocol.workers.figures import Figures, faults_of_all, minutes_of_all, sums, team, used
from ..protocol.workers.metric_sums import families_of
from ..runtime.workers.peers import Peers
from .fellows import Fellows
from .observing.history import Fault, Minute
from .observing.metrics import Metrics
from .observing.whole_metrics import whole_page
from .topics import FIGURES, METRICS

__all__ = ["Team"]

SHARED_S = 1.0
"""Age (seconds) up to which figures are shown again."""


class Team(Fellows):
    """The workers beside this one.

    :ivar figures: the last figures of those that answered.
    """

    alone = False

    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        self.figures: Sequence[Figures] = ()
        self._taken_at = -math.inf
        self._one_at_a_time = trio.Lock()

    async def refresh(self) -> None:
        """Ask for :attr:`figures`, if they are older than a second. Takes a second at most."""
        async with self._one_at_a_time:
            if trio.current_time() >= self._taken_at + SHARED_S:
                self.figures = await self.peers.ask(FIGURES)
                self._taken_at = trio.current_time()

    async def ask(self, topic: str, argument: object = None) -> Sequence[Any]:
        """The answers of all others."""
        return await self.peers.ask(topic, argument)

    def health(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """The report of ``/health`` for the whole server. Every worker knows all tokens, so those
        are not added up.
        """
        own = {"worker": self.peers.index, "restarts": self.peers.restarts}
        return {
            **sums(report, self.figures, ("open", "waiting")),
            "workers": team(own, self.figures, self.peers.count),
        }

    def minutes(self, own: Sequence[Minute]) -> list[dict[str, Any]]:
        """The minutes of the last hour, of all workers."""
        return minutes_of_all(super().minutes(own), self.figures)

    def faults(self, own: Sequence[Fault]) -> Sequence[Fault]:
        """The last faults of all workers, newest first."""
        rows = faults_of_all([attrs.asdict(fault) for fault in own], self.figures)
        return [Fault(**row) for row in rows]

    def used(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A key's row of ``/usage``, with its use at all workers."""
        return used(row, self.figures)

    async def metrics_page(self, metrics: Metrics) -> bytes:
        """The page of ``/metrics`` for the whole server."""
        answers = await self.ask(METRICS)
        there = {self.peers.index, *(answer["worker"] for answer in answers)}
        answering = [number in there for number in range(self.peers.count)]
        return whole_page(metrics, [families_of(answer["page"]) for answer in answers], answering)
