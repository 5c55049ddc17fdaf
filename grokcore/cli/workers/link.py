"""A worker's end of the channel to its parent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import trio
from attrs import frozen

from ...runtime.sharing.socket_table import SocketTable
from ...runtime.workers.worker_peers import WorkerPeers
from .place import Place
from .topics import END, PING, READY, RELOAD, RELOADED, STOP

__all__ = ["Link", "Orders"]


@frozen
class Orders:
    """Acts of a worker that its parent asks for. None of them waits.

    :ivar stop: begins to stop, because of a signal; a second call does nothing.
    :ivar end: ends the process at once, because of a second signal.
    :ivar reload: reads the files again.
    :ivar orphaned: begins to stop, as the parent has gone.
    :ivar figures: the answer to a ping.
    """

    stop: Callable[[int], None]
    end: Callable[[int], None]
    reload: Callable[[], None]
    orphaned: Callable[[], None]
    figures: Callable[[], Mapping[str, object]]


class Link:
    """The channel to the parent, and the parts that use it. Made within trio.

    :ivar peers: the other workers.
    :ivar table: the table that all workers share.
    """

    def __init__(self, place: Place) -> None:
        self._channel = place.open_channel()
        self.peers = WorkerPeers(self._channel, place.index, place.count, place.restarts)
        self.table = SocketTable(self._channel)
        self._reload_asked = False

    async def run(self, orders: Orders) -> None:
        """Do what the parent orders, until cancelled."""

        async def figures(_: object) -> Mapping[str, object]:
            return orders.figures()

        def reload(_: object) -> None:
            self._reload_asked = True
            orders.reload()

        self._channel.answer(PING, figures)
        self._channel.hear(STOP, lambda number: orders.stop(int(number)))
        self._channel.hear(END, lambda number: orders.end(int(number)))
        self._channel.hear(RELOAD, reload)
        await self._channel.run()
        orders.orphaned()
        await trio.sleep_forever()

    def ready(self, warnings: Mapping[str, str]) -> None:
        """Report to the parent that this worker serves."""
        self._channel.tell(READY, dict(warnings))

    def reloaded(self) -> None:
        """Report to the parent that the files were read, if it asked for that."""
        if self._reload_asked:
            self._reload_asked = False
            self._channel.tell(RELOADED)
