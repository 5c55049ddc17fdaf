"""The other workers, asked through the parent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .channel import Channel, ChannelGone
from .hub import ASK_S, PEERS, peer_topic
from .peers import Answerer

__all__ = ["WorkerPeers"]

MARGIN_S = 0.5
"""Seconds that the parent may take beyond what the workers may."""


class WorkerPeers:
    """:class:`~grokcore.runtime.workers.peers.Peers` over the channel to the parent."""

    def __init__(self, channel: Channel, index: int, count: int, restarts: int = 0) -> None:
        self._channel = channel
        self.index = index
        self.count = count
        self.restarts = restarts

    def answer(self, topic: str, answerer: Answerer) -> None:
        """Have *answerer* answer the questions on *topic* that other workers ask."""
        self._channel.answer(peer_topic(topic), answerer)

    async def ask(self, topic: str, argument: object = None) -> Sequence[Any]:
        """Ask all other workers; return the answers of those that answer within a second."""
        try:
            answers: list[Any] = await self._channel.ask(
                PEERS, {"topic": topic, "argument": argument}, seconds=ASK_S + MARGIN_S
            )
        except ChannelGone:
            return ()
        return answers
