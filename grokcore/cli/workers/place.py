"""A worker's place: its number, and the sockets, channel and data folder that its parent gives it.

The parent starts it with the same command as itself, and says the rest in a variable of the
environment. Reading removes the variable, so that no child process takes itself for a worker.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import MutableMapping, Sequence
from pathlib import Path

import trio
from attrs import asdict, frozen

from ...runtime.workers.channel import Channel

__all__ = ["VARIABLE", "Place"]

VARIABLE = "_GROK2API_WORKER"


@frozen
class Place:
    """A worker's place in its server. Descriptors are numbers, equal in both processes.

    :ivar index: its number, from 0 on.
    :ivar count: the number of all workers.
    :ivar channel: descriptor of the socket to the parent.
    :ivar sockets: descriptors of the listening sockets.
    :ivar folder: the server's data directory; empty for a demo, which has its own.
    :ivar restarts: how often this worker was started again.
    """

    index: int
    count: int
    channel: int
    sockets: tuple[int, ...]
    folder: str = ""
    restarts: int = 0

    @classmethod
    def of_environment(cls, environ: MutableMapping[str, str]) -> Place | None:
        """The place that the parent has named, if this process is a worker."""
        said = environ.pop(VARIABLE, "")
        if not said:
            return None
        values = json.loads(said)
        return cls(**values | {"sockets": tuple(values["sockets"])})

    def variables(self) -> dict[str, str]:
        """Variables for the worker's environment, beside its parent's."""
        return {VARIABLE: json.dumps(asdict(self))}

    @property
    def data_folder(self) -> Path:
        """The worker's own folder: the first one's is that of a server that is one process."""
        folder = Path(self.folder)
        return folder / f"worker-{self.index}" if self.index else folder

    def record_folder(self, record: Path | None) -> Path | None:
        """The worker's folder of recordings, whose names count up from 1 in each process."""
        return record / f"worker-{self.index}" if record and self.index else record

    def listening(self) -> Sequence[socket.socket]:
        """The sockets to serve."""
        return [_taken_over(descriptor) for descriptor in self.sockets]

    def open_channel(self) -> Channel:
        """The channel to the parent. Called once, within trio."""
        return Channel(trio.SocketStream(trio.socket.from_stdlib_socket(_taken_over(self.channel))))


def _taken_over(descriptor: int) -> socket.socket:
    """A socket that the parent has left open. The worker's own child processes don't get it."""
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - os takes it by position only
    return socket.socket(fileno=descriptor)
