"""Connections that are idle: one task closes them all in time.

Hypercorn has a task for each time that a connection is idle, so two of them for each request. To
begin and to end one costs as much as reading the request does.
"""

from __future__ import annotations

import math

import trio

from .connections import Connection

__all__ = ["IdleConnections"]


class IdleConnections:
    """The idle connections, the one that has been idle longest first.

    :meth:`run` has to be running. All connections have the same time, so those that begin later end
    later; and one that is put off costs no wake-up, since an early look at the time costs less.
    """

    def __init__(self) -> None:
        self._until: dict[Connection, float] = {}
        self._look_at = -math.inf
        self._earlier = trio.lowlevel.ParkingLot()
        self._closing = False

    def add(self, connection: Connection, until: float) -> None:
        """Close *connection* at this time (trio's), or at once if the server is stopping."""
        if self._closing:
            connection.cut()
            return
        self.remove(connection)
        self._until[connection] = until
        if until < self._look_at:
            self._earlier.unpark()

    def remove(self, connection: Connection) -> None:
        """Leave *connection* open; it is busy, or closed."""
        self._until.pop(connection, None)

    async def run(self) -> None:
        """Close connections in time, until cancelled."""
        while True:
            self._look_at = next(iter(self._until.values()), math.inf)
            with trio.CancelScope(deadline=self._look_at):
                await self._earlier.park()
            self._close_until(trio.current_time())

    def close_all(self) -> None:
        """Close all, also those that become idle later: the server is stopping."""
        self._closing = True
        self._close_until(math.inf)

    def _close_until(self, now: float) -> None:
        for connection, until in list(self._until.items()):
            if until > now:
                return
            del self._until[connection]
            connection.cut()
