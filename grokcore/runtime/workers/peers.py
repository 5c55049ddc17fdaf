"""The seam between the workers of one server: questions that one worker asks all others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias

__all__ = ["Answerer", "NoPeers", "Peers"]

Answerer: TypeAlias = Callable[[Any], Awaitable[Any]]
"""Answers a question of another worker; both are of JSON's types."""


class Peers(Protocol):
    """The other workers, as one of them sees them."""

    @property
    def index(self) -> int:
        """The number of this worker, from 0 on. The first one does what one process alone must do:
        it sends the alerts, and its data directory is the server's own.
        """

    @property
    def count(self) -> int:
        """The number of all workers, this one included."""

    @property
    def restarts(self) -> int:
        """How often this worker was started again."""

    def answer(self, topic: str, answerer: Answerer) -> None:
        """Have *answerer* answer the questions on *topic* that other workers ask."""

    async def ask(self, topic: str, argument: object = None) -> Sequence[Any]:
        """Ask all other workers; return the answers of those that answer within a second."""


class NoPeers:
    """The peers of a server that is one process."""

    index = 0
    count = 1
    restarts = 0

    def answer(self, topic: str, answerer: Answerer) -> None:
        """Do nothing: nobody asks."""

    async def ask(self, topic: str, argument: object = None) -> Sequence[Any]:  # noqa: ARG002
        """Return nothing."""
        return ()
