"""Repairs to Hypercorn 0.18 (trio) and Quart-Trio 0.12. Each was found by experiment and has a test
that fails without it.

They are in one module so that, after an upgrade of either library, all repairs can be checked and
dropped in one place:

* **A client that stops reading made the server unstoppable**: Hypercorn writes inside a shield
  without a deadline, so neither timeouts nor SIGTERM reach the task. :class:`EdgeTCPServer` gives
  every write a deadline.
* **A byte behind a request, then a disconnect, leaked a task and a descriptor**: while a request is
  answered and more bytes wait, Hypercorn does not read. So it never saw the client leave.
  :class:`EdgeTCPServer` reads ahead, a bounded amount, and notices the end at once;
  :class:`EdgeH11Protocol` lets requests wait that come before an answer is over.
* **Idle sockets blocked new clients** once the process had all the descriptors that the system
  allows. :class:`EdgeTCPServer` closes the connection that has been idle longest
  (:mod:`grokcore.web.edge.connections`), and turns on TCP keep-alive against clients that vanish.
* **A request cost two tasks for its idle timers, and a channel** that a task had to wait at.
  :class:`EdgeTCPServer` leaves idle connections to :mod:`grokcore.web.edge.idle`, and
  :class:`_Apps` passes messages on through an :class:`~grokcore.web.edge.inbox.Inbox`.
* **An answer in one piece was written in three.** :class:`EdgeH11Protocol` keeps the head of such
  an answer until its body comes.
* **Cleartext HTTP/2 had no idle timeout** (24 unauthenticated bytes held a descriptor).
  :class:`EdgeH11Protocol` refuses both ways into HTTP/2; no client needs it on loopback.
* **Malformed requests were answered without a body.** :class:`EdgeH11Protocol` answers in JSON,
  like every other error. So does :class:`EdgeHTTPStream` for requests that the app never answered;
  if a stop cancelled them, with ``shutting_down``.
* **Method names were changed to upper case** after h11 had read them. To h11 ``head`` is not
  ``HEAD``, and the answer broke off. :class:`EdgeH11Protocol` refuses such names, and websockets,
  which this server does not offer. :class:`_StrictConnection` refuses folded headers, as RFC 9112
  §5.2 allows.

One more repair, the shield around the last body message, is in :mod:`grokcore.web.edge.asgi`, which
handles that message.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any

import h11
import hypercorn.protocol
import hypercorn.protocol.h11
import hypercorn.trio.run
import trio
from attrs import define, field
from h11._writers import ChunkedWriter, ContentLengthWriter
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Body, EndBody, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.trio.task_group import _handle
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer

from ...errors import (
    GrokApiError,
    InternalError,
    InvalidRequest,
    Overloaded,
    ShuttingDown,
    UnknownUrl,
)
from ...protocol.dialects.error_forms import error_form
from .asgi import plain_path
from .connections import Connections, keep_watch
from .early_errors import new_request_id, refusal
from .idle import IdleConnections
from .inbox import INBOX_KEY, Inbox

__all__ = ["EdgeConfig", "EdgeH11Protocol", "EdgeTCPServer", "Writes", "install"]

_FOLD_OR_END = re.compile(rb"\n(?:([ \t])|\r?\n)")
"""In a request's head, the first folded line (then there is a group) or the end, whichever comes
first.
"""

READ_AHEAD_BYTES = 256 * 1024
"""Bytes that may wait while a request is being answered. Clients don't pipeline that much, and
bodies are passed on as they arrive.
"""


@define
class Writes:
    """The writes under way in one server, so that a shutdown can end those that hang."""

    _scopes: set[trio.CancelScope] = field(factory=set)

    def begin(self, timeout_s: float) -> trio.CancelScope:
        """A shielded scope for one write."""
        scope = trio.CancelScope(shield=True, deadline=trio.current_time() + timeout_s)
        self._scopes.add(scope)
        return scope

    def end(self, scope: trio.CancelScope) -> None:
        """Remove the scope of a write that is over."""
        self._scopes.discard(scope)

    def cancel_all(self) -> None:
        """Cancel all writes: their clients don't read."""
        for scope in self._scopes:
            scope.cancel()


class EdgeConfig(Config):
    """Hypercorn's configuration, extended by the state of the repairs."""

    def __init__(self, *, write_timeout_s: float) -> None:
        super().__init__()
        self.write_timeout_s = write_timeout_s
        self.writes = Writes()
        self.connections = Connections()
        self.idle = IdleConnections()


class _IdleTimer:
    """In the place of Hypercorn's task for a connection that is idle: a place in the list."""

    def __init__(self, server: EdgeTCPServer) -> None:
        self._server = server

    async def restart(self, _: object, __: object) -> None:
        config = self._server.config
        config.idle.add(self._server, trio.current_time() + config.keep_alive_timeout)

    async def stop(self) -> None:
        self._server.config.idle.remove(self._server)


class EdgeTCPServer(TCPServer):
    """A connection whose writes have a deadline, and which notices at any time that the client has
    left.
    """

    config: EdgeConfig
    idle_since: float | None = None
    _client_left = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.idle_task: Any = _IdleTimer(self)

    async def run(self) -> None:
        self.idle_since = trio.current_time()
        if not self.config.connections.admit(self):
            self._turn_away()
            return
        keep_watch(self.stream.socket)
        try:
            await super().run()
        finally:
            self.config.connections.remove(self)
            self.config.idle.remove(self)

    def cut(self) -> None:
        """Close the socket; the task that reads from it gets an error."""
        self.stream.socket.close()

    def _turn_away(self) -> None:
        """Send an overload error without reading the request."""
        error = Overloaded("The server has as many connections as it can have.", retry_after=1)
        status, headers, body = refusal(error, new_request_id())
        lines = [b"%b: %b\r\n" % header for header in headers]
        with contextlib.suppress(OSError):
            self._write_now(b"".join([b"HTTP/1.1 %d \r\n" % status, *lines, b"\r\n", body]))

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, Updated):
            self.idle_since = trio.current_time() if event.idle else None
        if isinstance(event, Updated) and self._client_left:
            return  # the end of an answer to a client that has left: start no idle timer
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        data = event.data
        if data and not self.send_lock.locked():
            data = self._write_now(data)
        if not data:
            return
        async with self.send_lock:
            written = await self._write(data)
        if not written:
            await trio.aclose_forcefully(self.stream)
            await self.protocol.handle(Closed())

    def _write_now(self, data: bytes) -> bytes:
        """Write as much as the socket accepts at once, nearly always everything; return the rest.

        A token is some 250 bytes. Sending it through the lock, a shielded scope and trio's
        checkpoints took 47 µs of CPU, this takes 8. Errors are ignored here: :meth:`_write` will
        meet them again.
        """
        try:
            return data[os.write(self.stream.socket.fileno(), data) :]
        except OSError:
            return data

    async def _write(self, data: bytes) -> bool:
        scope = self.config.writes.begin(self.config.write_timeout_s)
        try:
            with scope:
                await self.stream.send_all(data)
                return True
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.config.writes.end(scope)
        return False

    async def _read_data(self) -> None:
        h11_side: Any = self.protocol.protocol
        while True:
            try:
                data = await self.stream.receive_some(MAX_RECV)
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                break
            if not data:
                break
            await self.protocol.handle(RawData(bytes(data)))
            await h11_side.room()
        self._client_left = True
        # Hypercorn would keep the descriptor until the idle timer runs out.
        await self.idle_task.stop()
        await self.protocol.handle(Closed())


class _Apps:
    """Hypercorn's group of a connection's tasks, with an inbox for each request."""

    def __init__(self, group: Any) -> None:
        self._nursery: trio.Nursery = group._nursery  # noqa: SLF001 - it has no other name

    async def spawn_app(self, app: Any, config: Config, scope: Any, send: Any) -> Any:
        inbox = scope[INBOX_KEY] = Inbox()
        threads = trio.to_thread.run_sync, trio.from_thread.run
        self._nursery.start_soon(_handle, app, config, scope, inbox.receive, send, *threads)
        return inbox.put

    def spawn(self, work: Any) -> None:
        self._nursery.start_soon(work)


class EdgeH11Protocol(H11Protocol):
    """HTTP/1.1 only, with JSON errors for requests that can't be parsed, and a fast path for
    chunks.
    """

    _chunked = False
    _head = b""
    _reading = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.config, EdgeConfig):
            self.task_group: Any = _Apps(self.task_group)
            self.can_read: Any = _Resumption(self)
            most = self.config.h11_max_incomplete_size
            self.connection = _StrictConnection(h11.SERVER, max_incomplete_event_size=most)

    async def room(self) -> None:
        """Wait until there is room for more bytes."""
        while self.waiting_bytes > READ_AHEAD_BYTES:
            await self.can_read.changed.park()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of requests that wait for the answer before theirs."""
        return getattr(self.connection, "waiting_bytes", 0)

    async def resume(self) -> None:
        """Read the requests that have waited for the end of an answer."""
        await self._handle_events()
        self.can_read.changed.unpark_all()

    async def _handle_events(self) -> None:
        if self._reading:
            return  # the call that is at it reads these bytes as well
        self._reading = True
        try:
            await super()._handle_events()
        except _Paused:
            pass
        finally:
            self._reading = False

    async def _create_stream(self, request: h11.Request) -> None:
        error = _unwanted(request) if isinstance(self.config, EdgeConfig) else None
        if error is None:
            await super()._create_stream(request)
            return
        await self._refuse(error, error.status)
        await self.send(Closed())

    async def stream_send(self, event: StreamEvent) -> None:
        """Write a chunk without h11, which keeps no state for chunks and whose checks cost as much
        as the write.

        Head and end still go through h11, so that its states stay true.
        """
        if isinstance(event, Body) and self._chunked:
            await self.send(RawData(b"%x\r\n%b\r\n" % (len(event.data), event.data)))
            return
        await super().stream_send(event)

    async def _send_h11_event(self, event: Any) -> None:
        """Send *event*. The head of an answer whose length is known goes out with what follows: its
        body is there, while that of a stream may not be for long.
        """
        try:
            data = self._head + (self.connection.send(event) or b"")
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        self._head = b""
        if isinstance(event, h11.Response) and isinstance(self.config, EdgeConfig):
            writer = getattr(self.connection, "_writer", None)
            self._chunked = isinstance(writer, ChunkedWriter)
            if isinstance(writer, ContentLengthWriter):
                self._head = data
                return
        await self.send(RawData(data))

    async def _maybe_recycle(self) -> None:
        if self._head:  # of an answer that broke off
            head, self._head = self._head, b""
            await self.send(RawData(head))
        await super()._maybe_recycle()

    async def _check_protocol(self, event: h11.Request) -> None:
        """Do nothing for this server's connections; Hypercorn would switch to HTTP/2."""
        if not isinstance(self.config, EdgeConfig):
            await super()._check_protocol(event)

    async def _send_error_response(self, status_code: int) -> None:
        if not isinstance(self.config, EdgeConfig):
            await super()._send_error_response(status_code)
            return
        await self._refuse(InvalidRequest("The request is not valid HTTP."), status_code)

    async def _refuse(self, error: GrokApiError, status_code: int) -> None:
        _, headers, body = refusal(error, new_request_id())
        response: Any = h11.Response(
            status_code=status_code, headers=[*headers, *self.config.response_headers("h11")]
        )
        await self._send_h11_event(response)
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


class _Paused(Exception):
    """The next request has to wait for the end of an answer."""


class _Resumption:
    """In the place of the event that Hypercorn waits for when a request comes before the answer to
    the one before is over: it is not waited for, and begins to read when it is set.

    :ivar changed: where the reader waits for room.
    """

    def __init__(self, protocol: EdgeH11Protocol) -> None:
        self._protocol = protocol
        self.changed = trio.lowlevel.ParkingLot()

    async def clear(self) -> None:
        """Do nothing."""

    async def wait(self) -> None:
        raise _Paused

    async def set(self) -> None:
        protocol = self._protocol
        if protocol.waiting_bytes and protocol.connection.our_state is h11.IDLE:
            protocol.task_group.spawn(protocol.resume)


class _StrictConnection(h11.Connection):
    """h11's connection, which also refuses folded headers."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not read yet."""
        return len(self._receive_buffer)

    def _extract_next_receive_event(self) -> Any:
        if self.their_state is h11.IDLE and len(self._receive_buffer):
            first = _FOLD_OR_END.search(bytes(self._receive_buffer))
            if first is not None and first[1]:
                raise h11.LocalProtocolError("a folded header")
        return super()._extract_next_receive_event()


def _unwanted(request: h11.Request) -> GrokApiError | None:
    """The error that refuses a well-formed request; None if it is accepted."""
    method = request.method.decode("ascii")
    if method != method.upper():
        return InvalidRequest(f"{method[:20]!r} is not a method: write methods in upper case.")
    if any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers):
        return UnknownUrl("There are no websockets here.")
    return None


class EdgeHTTPStream(HTTPStream):
    """A request that gets a JSON error if the app has not answered it."""

    async def _send_error_response(self, status_code: int) -> None:
        if not isinstance(self.config, EdgeConfig):
            await super()._send_error_response(status_code)
            return
        error: GrokApiError = InternalError("An internal error; the server's log has it.")
        if self.context.terminated.is_set():
            error = ShuttingDown("The server is stopping.")
        form = error_form(plain_path(self.scope["path"]) or "")
        status, headers, body = refusal(error, new_request_id(), form)
        await self.send(Response(stream_id=self.stream_id, headers=headers, status_code=status))
        await self.send(Body(stream_id=self.stream_id, data=body))
        await self.send(EndBody(stream_id=self.stream_id))
        self.state = ASGIHTTPState.CLOSED


def _connection(app: Any, config: Config, *others: Any) -> TCPServer:
    """Hypercorn's factory of connections; servers with a plain configuration get its own class."""
    return (EdgeTCPServer if isinstance(config, EdgeConfig) else TCPServer)(app, config, *others)


def install() -> None:
    """Make Hypercorn use the repaired classes for servers with an :class:`EdgeConfig`.

    Idempotent. It replaces the three names through which Hypercorn finds these classes; Hypercorn
    offers no other way.
    """
    hypercorn.trio.run.TCPServer = _connection  # type: ignore[attr-defined, assignment]
    hypercorn.protocol.H11Protocol = EdgeH11Protocol  # type: ignore[attr-defined]
    hypercorn.protocol.h11.HTTPStream = EdgeHTTPStream  # type: ignore[attr-defined]
