"""The websockets of a loop that are through their upgrade: which of them wait for their sockets,
and which have news.

libcurl polls the sockets of its own transfers. Those of websockets are handed to
``curl_multi_poll`` beside them, as an array of ``struct curl_waitfd``. curl_cffi does not declare
that structure, so it is packed here (curl/multi.h: the descriptor, and two shorts).
"""

from __future__ import annotations

import math
import struct
import sys

from curl_cffi._wrapper import ffi, lib

from .websocket import CurlSocket, Inbox

__all__ = ["Sockets"]

_WAIT = struct.Struct("@Nhh4x" if sys.platform == "win32" else "@ihh")
"""``struct curl_waitfd``; a descriptor of Windows has the size of a pointer."""

_READABLE, _WRITABLE = 1, 4
_SHORTS = _WAIT.size // 2
_EVENTS_AT = struct.calcsize("@N" if sys.platform == "win32" else "@i") // 2


class Sockets:
    """See the module. All methods are called by the worker thread.

    :ivar inbox: see :class:`.websocket.Inbox`.
    """

    def __init__(self) -> None:
        self.inbox = Inbox()
        self._open: list[CurlSocket] = []
        self._waiting: list[CurlSocket] = []
        self._hurried: list[CurlSocket] = []
        self._array = bytearray()
        self._shorts = memoryview(self._array).cast("h")
        self._pointer: object = ffi.NULL
        self._changed = False
        self._next_beat: float | None = None  # None: to be looked up

    def add(self, socket: CurlSocket) -> None:
        """Watch *socket* from now on."""
        self._open.append(socket)
        self._changed = True
        self._next_beat = None

    def remove(self, socket: CurlSocket) -> None:
        """Watch it no longer, if it is watched."""
        if socket in self._open:
            self._open.remove(socket)
            self._changed = True
        if socket in self._hurried:
            self._hurried.remove(socket)

    def hurry(self, socket: CurlSocket) -> None:
        """Give *socket* another turn soon: not all that had arrived was taken in its last one. That
        may be in libcurl's memory, so the socket need not have news.
        """
        if socket not in self._hurried:
            self._hurried.append(socket)

    @property
    def hurried(self) -> bool:
        """Whether a websocket waits for another turn."""
        return bool(self._hurried)

    def change(self) -> None:
        """Look anew at what each websocket waits for."""
        self._changed = True

    def array(self) -> tuple[object, int]:
        """A pointer to the array for ``curl_multi_poll``, and its length."""
        if self._changed:
            self._changed = False
            self._waiting = [one for one in self._open if not one.paused or one.blocked]
            self._array = bytearray(_WAIT.size * len(self._waiting))
            self._shorts = memoryview(self._array).cast("h")
            for index, one in enumerate(self._waiting):
                events = _READABLE * (not one.paused) + _WRITABLE * one.blocked
                _WAIT.pack_into(self._array, index * _WAIT.size, one.descriptor, events, 0)
            kind = ffi.typeof(lib.curl_multi_poll).args[1]
            self._pointer = (
                ffi.cast(kind, ffi.from_buffer(self._array)) if self._waiting else ffi.NULL
            )
        return self._pointer, len(self._waiting)

    def with_news(self) -> list[CurlSocket]:
        """The websockets whose sockets had news when they were polled last, and those that were to
        have another turn. Asked again, none.
        """
        found, self._hurried = self._hurried, []
        happened = self._shorts[_EVENTS_AT + 1 :: _SHORTS].tolist()
        if not any(happened):
            return found
        news = [self._waiting[index] for index, events in enumerate(happened) if events]
        found += [one for one in news if one not in found]
        for index, events in enumerate(happened):
            if events:
                self._shorts[index * _SHORTS + _EVENTS_AT + 1] = 0
        return found

    def due(self, now: float) -> list[CurlSocket]:
        """The websockets whose heartbeat is due. The caller sends it."""
        if self.next_beat > now:
            return []
        self._next_beat = None
        return [one for one in self._open if one.beat_at <= now]

    @property
    def next_beat(self) -> float:
        """When the next heartbeat is due, at the earliest; infinity if there is none. It is asked
        for in each pass of the loop, and looked up after heartbeats and new websockets only.
        """
        if self._next_beat is None:
            self._next_beat = min((one.beat_at for one in self._open), default=math.inf)
        return self._next_beat
