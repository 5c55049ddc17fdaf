"""The parts of an official lane that a desk needs: its credential, its models, its owner's days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ...protocol.conversation.usage import Usage

__all__ = ["Calendar", "Holder", "Wares"]


class Holder(Protocol):
    """The holder of a lane's credential, as far as a desk needs it."""

    @property
    def key(self) -> str:
        """The credential's name that no other has; empty without a usable credential."""

    @property
    def id(self) -> str:
        """A short name for people; empty without one."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no message may quote."""

    @property
    def fault(self) -> str:
        """The reason why there is no usable credential, for the owner; empty if there is one."""

    async def refresh(self, *, stale: str = "") -> None:
        """Look for another credential.

        :param stale: the key of one that was refused; empty if none was.
        """

    def forget_version(self) -> None:
        """Look for the CLI's version anew: xAI wants a newer one."""


class Wares(Protocol):
    """The models of a lane, as far as a desk needs them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names that clients may ask for, best first; of this server's table and xAI's own."""

    def upstream_name(self, model: str) -> str:
        """The name at xAI of the model that answers for *model*; empty if the lane has none."""

    def facts(self, model: str) -> Mapping[str, object]:
        """Facts about *model* for lists of models, of JSON's types only; empty if none is known."""

    def cost_of(self, usage: Usage, model: str) -> int | None:
        """The cost in ticks by xAI's prices for *model* (xAI's name); None if they are unknown."""

    def gone(self, model: str) -> None:
        """Note that xAI does not have *model* (xAI's name) any more."""


class Calendar(Protocol):
    """The owner's days."""

    def __call__(self) -> tuple[str, float]:
        """The day as YYYY-MM-DD, and the seconds until it ends."""


class Ledger(Protocol):
    """The daily cap of a lane, for all servers that share it.

    :ivar fault: why no answer can be entered; empty if one can.
    :ivar again_at: trio's time from which it is worth asking again for room; -inf if it is now.
    """

    fault: str
    again_at: float

    async def begin(self, model: str) -> str:
        """Enter an answer of *model* (xAI's name); returns its entry, or an empty text if it may
        not begin.
        """

    def end(self, entry: str, ticks: int | None) -> None:
        """Report the end of an answer, with its cost in ticks; None if that is not known."""

    def correct(self, counted: int, cost: int) -> None:
        """Report that *cost* counts in place of the *counted* cost of an earlier answer."""
