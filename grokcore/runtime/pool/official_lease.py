"""A lease of an official lane: permission for one attempt, and the account of its cost.

Rules
-----
1. A lease ends exactly once, as those of the token pool.
2. An answer's cost is counted when its lease ends: as xAI reports it, else by xAI's prices, else as
   answers of the model cost before. A request that xAI refused costs nothing.
"""

from __future__ import annotations

from typing import Protocol

import trio

from ...errors import (
    GrokApiError,
    TimeoutChunk,
    TimeoutFirstResponse,
    TimeoutTotal,
    TransportFailure,
)
from ...protocol.conversation.usage import Usage
from ...protocol.models import LaneName
from ...protocol.pool.spending import Reserve
from .official_seams import Holder

__all__ = ["Lender", "OfficialLease"]

_MAY_HAVE_COST = (TransportFailure, TimeoutFirstResponse, TimeoutChunk, TimeoutTotal)
"""Failures of which xAI knows nothing: it may have answered, and charged."""


class Lender(Protocol):
    """The desk, as far as its leases need it."""

    name: LaneName
    holder: Holder
    proxy_url: str

    def ended(
        self, lease: OfficialLease, reserve: Reserve | None, usage: Usage | None, *, charged: bool
    ) -> int | None:
        """Count the end of *lease*; return the cost that was counted, in ticks.

        :param charged: whether xAI may have charged for it although it reports no usage.
        """

    def learn(self, lease: OfficialLease, error: GrokApiError | None) -> None:
        """Count the outcome of an attempt."""

    def learn_nothing(self, lease: OfficialLease) -> None:
        """Count an attempt without an outcome."""


class OfficialLease:
    """A desk's permission for one attempt, which can be given back once.

    :ivar key: name of the credential that no other has.
    :ivar model: xAI's name of the model.
    """

    def __init__(self, desk: Lender, model: str, reserve: Reserve | None) -> None:
        self.lane = desk.name
        self.key = desk.holder.key
        self.token_id = desk.holder.id
        self.proxy_url = desk.proxy_url
        self.model = model
        self.began = trio.current_time()
        self.cost: int | None = None
        self._desk: Lender | None = desk
        self._secrets = desk.holder.secrets
        self._reserve = reserve
        self._usage: Usage | None = None
        self._answering = False

    def __repr__(self) -> str:
        return f"<OfficialLease of {self.lane.value} {self.token_id}>"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no message may quote."""
        return self._secrets

    def used(self, usage: Usage) -> None:
        """Note xAI's count of the answer."""
        self._usage = usage

    def answering(self) -> None:
        """Note that xAI has begun to answer."""
        self._answering = True

    def settle(self, error: GrokApiError | None) -> None:
        """Give it back with the attempt's outcome; None is a success. Further calls do nothing."""
        desk, self._desk = self._desk, None
        if desk is not None:
            free = not self._answering and error is not None
            charged = not free or isinstance(error, _MAY_HAVE_COST)
            desk.learn(self, error)
            self.cost = desk.ended(self, self._reserve, self._usage, charged=charged)

    def abandon(self) -> None:
        """Give it back if it is still open: the client left. xAI charges what it has written."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.learn_nothing(self)
            self.cost = desk.ended(self, self._reserve, self._usage, charged=True)

    def return_unused(self) -> None:
        """Give it back if it is still open: no request was sent with it."""
        desk, self._desk = self._desk, None
        if desk is not None:
            desk.learn_nothing(self)
            desk.ended(self, self._reserve, None, charged=False)
