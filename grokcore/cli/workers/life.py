"""A worker's process as the parent sees it: its start, the channel to it, its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import trio
from attrs import define, field, frozen

from ...protocol.workers.restarts import Restarts
from ...runtime.workers.channel import Channel, ChannelGone
from .place import Place
from .topics import PING

__all__ = ["Launch", "Worker", "how_it_ended"]


@frozen
class Launch:
    """How workers are started.

    :ivar count: their number.
    :ivar sockets: descriptors of the listening sockets.
    :ivar folder: the server's data directory; empty for a demo.
    :ivar command: the command line.
    """

    count: int
    sockets: tuple[int, ...]
    folder: str
    command: Sequence[str] = field(factory=lambda: [sys.executable, *sys.orig_argv[1:]])

    async def start(self, index: int, restarts: int) -> tuple[trio.Process, Channel]:
        """Start worker *index*.

        :raises OSError: if the system has no room for a process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            place = Place(index, self.count, theirs.fileno(), self.sockets, self.folder, restarts)
            passed = (*self.sockets, theirs.fileno())
            try:
                process = await _started(self.command, place.variables(), passed)
            except OSError:
                ours.close()
                raise
        return process, Channel(trio.SocketStream(trio.socket.from_stdlib_socket(ours)))


async def _started(
    command: Sequence[str], variables: Mapping[str, str], passed: tuple[int, ...]
) -> trio.Process:
    return await trio.lowlevel.open_process(
        command,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **variables},
        pass_fds=passed,
        process_group=0,
    )


@define
class Worker:
    """A worker, over all its lives.

    :ivar restarts: its deaths.
    :ivar ready: whether it serves.
    :ivar figures: what it last answered to a ping.
    :ivar hangs: whether it did not answer the last one.
    :ivar starts: whether a process is being made.
    """

    index: int
    restarts: Restarts = field(factory=Restarts)
    ready: bool = False
    figures: Mapping[str, object] = field(factory=dict)
    hangs: bool = False
    starts: bool = False
    _process: trio.Process | None = None
    _channel: Channel | None = None

    async def live(self, launch: Launch, joins: Callable[[Channel], None]) -> int:
        """Live from the start of a process to its end, or until cancelled.

        :param joins: called with the channel before anything comes from it.
        :returns: the exit code; that of a signal is negative.
        :raises OSError: if no process can be started.
        """
        self.starts = True
        try:
            process, channel = await launch.start(self.index, self.restarts.count)
        finally:
            self.starts = False
        self._process, self._channel = process, channel
        try:
            joins(channel)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.run)
                code = await process.wait()
                nursery.cancel_scope.cancel()
            return code
        finally:
            self.ready = self.hangs = False
            self.kill()  # if the parent itself ends by a bug
            self._process = self._channel = None

    def tell(self, topic: str, value: object = None) -> None:
        """Send a notice, if there is a process."""
        if self._channel is not None:
            self._channel.tell(topic, value)

    def kill(self) -> None:
        """End the process at once, if there is one."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    @property
    def process_id(self) -> int:
        """The number of the process; 0 if there is none."""
        return 0 if self._process is None else self._process.pid

    async def look(self, seconds: float) -> None:
        """Ask a worker that serves for its figures."""
        if not self.ready or self._channel is None:
            return
        try:
            self.figures = await self._channel.ask(PING, seconds=seconds)
            self.hangs = False
        except ChannelGone:
            self.hangs = self.ready


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"has ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
