"""Bodies of requests: received, decoded and parsed within bounds, without holding up other
requests.

Large bodies are decoded and parsed in a worker thread, two at a time. Above a total of
:data:`MOST_HELD_BODIES` whole ones, a large body is refused as overload: many clients at once can't
exhaust the memory.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from typing import TypeVar

import trio
from attrs import define, field
from quart import request
from werkzeug.exceptions import RequestTimeout

from ..errors import (
    GrokApiError,
    InvalidRequest,
    Overloaded,
    RequestTooLarge,
    ShuttingDown,
    UnsupportedEncoding,
)
from ..protocol.dialects.json_body import LARGE_BYTES, structure_marks
from ..runtime.freed_memory import give_back
from ..runtime.threads import in_thread
from .edge import Lifetime

__all__ = ["Bodies", "decoded"]

BODY_TIMEOUT_S = 120
"""Seconds for a request's body to arrive."""

MOST_HELD_BODIES = 4
"""Whole bodies of the largest size that are held at once."""

PARSED_AT_ONCE = 2

GIVE_BACK_S = 5.0
"""Seconds that returning memory may take; it takes some milliseconds."""

MANY_MARKS = 20_000
"""Values that are parsed and validated in some 50 ms."""

PIECE_BYTES = 256 * 1024

ENCODINGS = ("gzip", "deflate")

_T = TypeVar("_T")


@define
class _Arriving:
    """A body on its way: its pieces so far, and their bytes in all."""

    pieces: list[bytes] = field(factory=list)
    size: int = 0

    def take(self) -> bytes:
        """The whole body; nothing of it is kept here. Joining many pieces releases Python's global
        lock.
        """
        body = b"".join(self.pieces)
        self.pieces.clear()
        return body


class Bodies:
    """The bodies that are being received or parsed."""

    def __init__(self) -> None:
        self._threads = trio.CapacityLimiter(PARSED_AT_ONCE)
        self._receiving: set[trio.CancelScope] = set()
        self._stopping = False
        self._held = 0

    async def parse(self, parse: Callable[[bytes], _T], most: int, lifetime: Lifetime) -> _T:
        """Receive the body of the request at hand and return what *parse* makes of it.

        :param most: bytes that the body may have, as sent and as decoded.
        :raises GrokApiError: if *parse* raises one, or there is no whole body that can be decoded.
        """
        encoding = _encoding(request.headers.get("content-encoding", ""))
        arriving = _Arriving()
        try:
            await self._receive(arriving, most)

            def parse_it() -> _T | GrokApiError:
                return _outcome(arriving, encoding, parse, most)

            if _is_light(arriving, encoding):
                outcome = parse_it()
            else:
                lifetime.on_end(self._give_back)
                outcome = await in_thread(parse_it, abandon_on_cancel=True, limiter=self._threads)
        finally:
            self._held -= arriving.size
        if isinstance(outcome, GrokApiError):
            raise outcome
        return outcome

    def interrupt(self) -> None:
        """Refuse the bodies that have not arrived yet, and later ones: the server stops."""
        self._stopping = True
        for scope in self._receiving:
            scope.cancel()

    async def _give_back(self) -> None:
        """Return freed memory to the system, when nothing of the request is left."""
        with trio.move_on_after(GIVE_BACK_S, shield=True), contextlib.suppress(Overloaded):
            await in_thread(give_back, abandon_on_cancel=True, limiter=self._threads)

    async def _receive(self, arriving: _Arriving, most: int) -> None:
        with trio.CancelScope() as scope:
            self._receiving.add(scope)
            if self._stopping:
                scope.cancel()
            try:
                with trio.fail_after(BODY_TIMEOUT_S):
                    async for piece in request.body:
                        self._keep(piece, arriving, most)
            except trio.TooSlowError:
                raise RequestTimeout from None
            finally:
                self._receiving.discard(scope)
        if scope.cancelled_caught:
            raise ShuttingDown("The server is stopping; the request had not arrived completely.")

    def _keep(self, piece: bytes, arriving: _Arriving, most: int) -> None:
        arriving.size += len(piece)
        self._held += len(piece)
        if arriving.size > most:
            raise RequestTooLarge("The request body is larger than [server] max_body_mb allows.")
        if arriving.size > LARGE_BYTES and self._held > MOST_HELD_BODIES * most:
            raise Overloaded("Too many large requests are arriving at once.", retry_after=1)
        arriving.pieces.append(piece)


def _is_light(arriving: _Arriving, encoding: str) -> bool:
    """Whether the body is parsed so quickly that a thread is not worth its while."""
    if encoding or arriving.size > LARGE_BYTES:
        return False
    return sum(map(structure_marks, arriving.pieces)) <= MANY_MARKS


def _outcome(
    arriving: _Arriving, encoding: str, parse: Callable[[bytes], _T], most: int
) -> _T | GrokApiError:
    """What *parse* returns or raises. An error comes without its frames, which refer to the
    body.
    """
    try:
        body = arriving.take()
        if len(body) > LARGE_BYTES:
            give_back()  # the pieces' memory
        return parse(decoded(body, encoding, most) if encoding else body)
    except GrokApiError as error:
        error.drop_frames()
        return error


# Content-Encoding -------------------------------------------------------------------------------


def _encoding(header: str) -> str:
    """The name of a body's encoding; empty if it has none.

    :raises UnsupportedEncoding: if it is another one, or one on top of another.
    """
    name = ", ".join(filter(None, (part.strip().lower() for part in header.split(","))))
    name = name.removeprefix("x-") if name == "x-gzip" else name
    if name in ("", "identity"):
        return ""
    if name in ENCODINGS:
        return name
    raise UnsupportedEncoding(
        f"Content-Encoding {name[:40]!r} is not decoded here: send the body as it is, or with gzip "
        "or deflate."
    )


def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """*body* without its *encoding*, one of :data:`ENCODINGS`.

    :raises InvalidRequest: if it is not what the encoding says, or breaks off.
    :raises RequestTooLarge: if it is more than *most* bytes then.
    """
    machine = zlib.decompressobj(_window_bits(body, encoding))
    pieces, size, fault = [], 0, ""
    view = memoryview(body)
    try:
        for at in range(0, len(body), PIECE_BYTES):
            piece = machine.decompress(view[at : at + PIECE_BYTES], most - size + 1)
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise RequestTooLarge(
                    "The decoded request body is larger than [server] max_body_mb allows."
                )
        fault = (
            ""
            if machine.eof and not machine.unused_data
            else "it breaks off, or more follows behind it"
        )
    except zlib.error:
        fault = "it is something else, or damaged"
    if fault:
        raise InvalidRequest(f"The request body can't be decoded as {encoding}: {fault}.")
    return b"".join(pieces)


def _window_bits(body: bytes, encoding: str) -> int:
    """The format's number in zlib. ``deflate`` has zlib's header (RFC 9110), which some clients
    leave out.
    """
    if encoding == "gzip":
        return 16 + zlib.MAX_WBITS
    has_header = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
