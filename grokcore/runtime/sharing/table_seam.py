"""The seam between a server and the table of a shared pool, wherever that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ...protocol.sharing.steps import Reply, Step

__all__ = ["SharedTable", "TableGone"]


class TableGone(Exception):
    """The table can't be reached, or does not answer. ``str()`` says why, for the owner."""


class SharedTable(Protocol):
    """The table, as one server sees it.

    :ivar on_wake: called when it is worth making a step at once: another server lacks tokens, or
        has given some back. It must not wait. A table that can't wake servers never calls it.
    """

    on_wake: Callable[[], None]

    @property
    def name(self) -> str:
        """Where the table is, for the owner; without a password."""

    async def step(self, step: Step) -> Reply:
        """Make a step. May be cancelled at any time; the step was made then, or not.

        :raises TableGone: if the table did not answer. The step was made, or not.
        """

    async def change(self, name: str, update: Callable[[str], str]) -> str:
        """Replace the value called *name* by what *update* makes of it, with no other change in
        between; "" stands for a value that is missing. *update* may be called several times.

        :returns: the new value.
        :raises TableGone: as :meth:`step`.
        """
