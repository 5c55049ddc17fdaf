"""The table of a server's workers, which their parent owns, over the channel to it."""

from __future__ import annotations

from collections.abc import Callable

from ...protocol.sharing.steps import Reply, Step, read_reply, written
from ..workers.channel import Channel, ChannelGone
from ..workers.hub import CHANGE, STEP, WAKE
from .table_seam import TableGone

__all__ = ["SocketTable"]

TRIES = 100
"""Times that a change is tried again because another worker was faster."""


class SocketTable:
    """:class:`~grokcore.runtime.sharing.table_seam.SharedTable` over a channel."""

    name = "the parent process"

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.on_wake: Callable[[], None] = lambda: None
        channel.hear(WAKE, lambda _: self.on_wake())

    async def step(self, step: Step) -> Reply:
        """Make a step.

        :raises TableGone: if the parent did not answer. The step was made, or not.
        """
        try:
            return read_reply(await self._channel.ask(STEP, written(step)))
        except (ChannelGone, ValueError) as error:
            raise TableGone(f"{self.name}: {error}") from error

    async def change(self, name: str, update: Callable[[str], str]) -> str:
        """Replace the value called *name* by what *update* makes of it.

        :raises TableGone: as :meth:`step`, or if others change the value all the time.
        """
        value = ""
        for _ in range(TRIES):
            asked = {"name": name, "old": value, "new": update(value)}
            try:
                reply = await self._channel.ask(CHANGE, asked)
            except ChannelGone as error:
                raise TableGone(f"{self.name}: {error}") from error
            value = str(reply["value"])
            if reply["done"]:
                return value
        raise TableGone(f"{self.name}: {name} changes too often")
