"""The other workers of this server, for its reports. A server that is one process has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ..runtime.workers.peers import NoPeers, Peers
from .observing.history import Fault, Minute
from .observing.metrics import Metrics

__all__ = ["Fellows"]


class Fellows:
    """The workers beside this one: none. Their part of every report is nothing, and takes no time.

    :class:`~grokcore.web.team.Team` is for several workers.

    :ivar peers: the way to ask them.
    :ivar alone: whether this server is one process.
    """

    peers: Peers = NoPeers()
    alone = True

    async def refresh(self) -> None:
        """Ask for the figures of the next report."""

    async def ask(self, topic: str, argument: object = None) -> Sequence[Any]:  # noqa: ARG002
        """The answers of all others."""
        return ()

    async def first(self, topic: str, argument: object) -> Any:
        """The first answer of another worker that is not None; None if there is no such."""
        answers = await self.ask(topic, argument)
        return next((answer for answer in answers if answer is not None), None)

    def health(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """The report of ``/health`` for the whole server."""
        return {**report, "workers": None}

    def minutes(self, own: Sequence[Minute]) -> list[dict[str, Any]]:
        """The minutes of the last hour, of all workers."""
        return [attrs.asdict(minute) for minute in own]

    def faults(self, own: Sequence[Fault]) -> Sequence[Fault]:
        """The last faults of all workers, newest first."""
        return own

    def used(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A key's row of ``/usage``, with its use at all workers."""
        return row

    async def metrics_page(self, metrics: Metrics) -> bytes:
        """The page of ``/metrics`` for the whole server."""
        return metrics.page()
