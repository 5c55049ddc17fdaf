"""The ASGI layer around the Quart app. It enforces rules that hold for every request, whatever the
app does.

* A request has a :class:`~grokcore.web.edge.lifetime.Lifetime`. The tasks and resources that belong
  to it end with it, however it ends: answered, failed, or cancelled because the client left. This
  includes the gap between a handler's return and the first byte of its body.
* Paths are read generously: with or without ``/v1`` (also twice, as in mistyped base URLs), with a
  trailing or a doubled slash, and as an absolute URL.
* ``Content-Length`` together with ``Transfer-Encoding`` is refused (RFC 9112 §6.1: request
  smuggling).
* Requests that web pages may not send are refused before the app sees a byte
  (:mod:`grokcore.web.edge.doors`).
* Every response carries ``x-request-id``, and ``Server-Timing`` if Grok was asked. When a request
  is over, however it ended, its :class:`~grokcore.web.observing.trace.Trace` is passed on.
* An early answer (401, 413) waits a moment for the rest of the request's body. Closing with unread
  data would reset the connection, and the client would see the reset instead of the answer.
* A client that leaves cancels its request, and nothing else.
* The last body message is sent in a shield. Hypercorn reports a disconnect as soon as the response
  is complete, in the middle of its clean-up. Without the shield the connection would not be closed.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import trio

from ...errors import GrokApiError, InternalError, InvalidRequest, UnknownUrl
from ...protocol.dialects.error_forms import ErrorForm, error_form, openai_form
from ..observing.trace import Trace
from .doors import Doors
from .early_errors import new_request_id, refusal
from .inbox import INBOX_KEY, Inbox, Message
from .lifetime import LIFETIME_KEY, Lifetime
from .quart_requests import LISTEN_KEY
from .wording import worded

__all__ = ["Edge", "plain_path"]

Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Any, Receive, Send], Awaitable[None]]

LINGER_S = 5.0
"""Seconds that an early answer waits for the request's body to end."""

SHIELD_S = 60.0
"""Deadline of the last message's shield. Writes have a shorter deadline of their own; this one is a
safety net.
"""

MOST_PATH_BYTES = 200
MOST_METHOD_CHARS = 20

_log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")


class Edge:
    """The ASGI app that Hypercorn serves; it wraps the Quart app.

    :param doors: returns the current rules for browsers.
    :param language: returns ``[global] language``.
    :param ended: called with the trace of each request that is over; must not wait.
    """

    def __init__(
        self,
        app: App,
        doors: Callable[[], Doors],
        ended: Callable[[Trace], None],
        language: Callable[[], str] = lambda: "auto",
    ) -> None:
        self._app = app
        self._doors = doors
        self._ended = ended
        self._language = language

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await _refuse_websocket(scope, receive, send)
            return
        trace = Trace(
            _request_id(scope),
            scope["method"][:MOST_METHOD_CHARS],
            _plain(scope["raw_path"]),
            trio.current_time(),
        )
        try:
            await self._live(scope, receive, send, trace)
        finally:
            trace.ended = trio.current_time()
            self._ended(trace)

    async def _live(self, scope: Any, receive: Receive, send: Send, trace: Trace) -> None:
        """Serve one request within a lifetime."""
        lifetime: Lifetime | None = None
        try:
            async with trio.open_nursery() as nursery:
                lifetime = Lifetime(trace, nursery)
                wire = _Wire(receive, send, lifetime, self._language)
                await self._serve_or_fail(scope, wire, lifetime)
                nursery.cancel_scope.cancel()
        finally:
            if lifetime is not None:
                await lifetime.aclose()

    async def _serve_or_fail(self, scope: Any, wire: _Wire, lifetime: Lifetime) -> None:
        try:
            await self._serve(scope, wire, lifetime)
        except Exception as error:  # boundary: bugs that the app's own handlers did not catch
            if wire.answering:
                raise
            kind = {"fold": ("bug", repr(error)[:200])}
            _log.error("a bug failed request %s", lifetime.request_id, exc_info=error, extra=kind)
            await wire.refuse(
                InternalError("An internal error; the server's log has it under this request id.")
            )

    async def _serve(self, scope: Any, wire: _Wire, lifetime: Lifetime) -> None:
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        lifetime.accept_language = headers.get("accept-language", "")
        path = plain_path(scope["path"])
        wire.form = error_form(path or "")
        if "content-length" in headers and "transfer-encoding" in headers:
            await wire.refuse(
                InvalidRequest("Content-Length and Transfer-Encoding exclude each other.")
            )
            return
        doors = self._doors()
        refused = doors.refusal(scope["method"], headers)
        if refused is not None:
            await wire.refuse(refused)
            return
        if path is None:
            await wire.refuse(
                InvalidRequest("The request's target is neither a path nor an http URL.")
            )
            return
        lifetime.headers.update(doors.cors(headers.get("origin", "")))
        allowed = doors.preflight(scope["method"], headers)
        if allowed is not None:
            await wire.answer_empty(allowed)
            return
        scope[LIFETIME_KEY] = lifetime
        scope["path"] = path
        inbox: Inbox | None = scope.get(INBOX_KEY)
        if inbox is not None:
            scope[LISTEN_KEY] = functools.partial(wire.listen, inbox)
        await self._app(scope, wire.receive, wire.send)


class _Wire:
    """The two ASGI channels of one request.

    :ivar form: the form of errors that are sent without the app.
    """

    def __init__(
        self, receive: Receive, send: Send, lifetime: Lifetime, language: Callable[[], str]
    ) -> None:
        self._language = language
        self._receive = receive
        self._send = send
        self._lifetime = lifetime
        self.form: ErrorForm = openai_form
        self.answering = False
        self._left = False
        self._ending = False
        self._body_over = trio.Event()

    async def receive(self) -> Message:
        return self._noted(await self._receive())

    def listen(self, inbox: Inbox, listener: Callable[[Message], None]) -> None:
        """Call *listener* with the messages of *inbox*, and cancel the request if the client
        leaves before the end of the answer.
        """

        def hear(message: Message) -> None:
            listener(self._noted(message))
            if self._left and not self._ending:
                self._lifetime.nursery.cancel_scope.cancel()

        inbox.listen(hear)
        self._lifetime.body_arrived = self._body_over.is_set()

    def _noted(self, message: Message) -> Message:
        if message["type"] == "http.request":
            if not message.get("more_body", False):
                self._body_over.set()
            elif self.answering:
                message = {**message, "body": b""}  # the app no longer reads it
        else:
            self._left = True
            self._body_over.set()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.answering = True
            self._lifetime.trace.status = message["status"]
            if not self._lifetime.trace.stream:  # the answer goes out in one piece
                self._lifetime.last_byte()
            message = {**message, "headers": [*message.get("headers", ()), *self._own_headers()]}
        elif not message.get("more_body", False):
            await self._send_last(message)
            return
        await self._send(message)

    async def refuse(self, error: GrokApiError) -> None:
        """Answer with an error, without the app, and close the connection."""
        about = worded(error, self._language(), self._lifetime.accept_language)
        status, headers, body = refusal(error, self._lifetime.request_id, self.form)
        headers += [(name.encode(), value.encode()) for name, value in about]
        self._lifetime.trace.status, self._lifetime.trace.error = status, error
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        await self._send_shielded({"type": "http.response.body", "body": b"", "more_body": False})

    async def answer_empty(self, headers: dict[str, str]) -> None:
        """Answer with a 204 and these *headers*, without the app."""
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        with trio.move_on_after(LINGER_S):
            while not self._body_over.is_set():  # the app does not run, so read the body here
                await self.receive()
        await self.send({"type": "http.response.start", "status": 204, "headers": encoded})
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    def _own_headers(self) -> list[tuple[bytes, bytes]]:
        headers = dict(self._lifetime.headers)
        timing = self._lifetime.trace.server_timing(trio.current_time())
        if timing:
            headers["server-timing"] = timing
        return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]

    async def _send_last(self, message: Message) -> None:
        self._lifetime.last_byte()
        if not self._body_over.is_set():
            with trio.move_on_after(LINGER_S):
                await self._body_over.wait()
        await self._send_shielded(message)

    async def _send_shielded(self, message: Message) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + SHIELD_S):
            # Hypercorn drops data for a closed connection silently. This checkpoint lets the
            # disconnect be noticed first.
            await trio.lowlevel.checkpoint()
            self._ending, complete = True, not self._left
            await self._send(message)
            self._lifetime.trace.complete = complete


async def _refuse_websocket(scope: Any, receive: Receive, send: Send) -> None:
    """Refuse a websocket."""
    await receive()
    error = UnknownUrl("There are no websockets here.")
    status, headers, body = refusal(error, _request_id(scope))
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


def _plain(raw_path: bytes) -> str:
    """A path for the log: cut, and with ``?`` in place of bytes that are not printable ASCII."""
    return re.sub(rb"[^\x21-\x7e]", b"?", raw_path[:MOST_PATH_BYTES]).decode("ascii")


def plain_path(path: str) -> str | None:
    """*path* in the form of the routes: no scheme and host, no leading ``/v1``, no empty segments.

    :returns: None if it is neither a path nor an http URL. ``*``, which OPTIONS may name, is the
        root.
    """
    if not path.startswith("/"):
        scheme, separator, rest = path.partition("://")
        if path != "*" and not (separator and scheme.lower() in ("http", "https")):
            return None
        path = rest.partition("/")[2]
    segments = [segment for segment in path.split("/") if segment]
    while segments and segments[0] == "v1":
        del segments[0]
    return "/" + "/".join(segments)


def _request_id(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name.lower() == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return new_request_id()
