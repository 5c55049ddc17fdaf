"""Request bodies: receiving, decoding and parsing within bounds, without delaying other requests.

Large bodies are decoded and parsed in a worker thread, two at a time. So that many clients together
can't exhaust the memory, the total size is bounded by :data:`MOST_HELD_BODIES`. Further large
bodies are refused as overload.
"""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import trio
from attrs import define, field
from quart import request
from werkzeug.exceptions import RequestTimeout

from ...errors import (
    GrokApiError,
    InvalidRequest,
    Overloaded,
    RequestTooLarge,
    ShuttingDown,
    UnsupportedEncoding,
)
from ...protocol.dialects.json_body import LARGE_BYTES, structure_marks
from ...runtime.freed_memory import give_back
from ...runtime.threads import in_thread
from .lifetime import Lifetime

__all__ = ["Bodies", "decoded"]

BODY_TIMEOUT_S = 120
"""Seconds for a request's body to arrive."""

MOST_HELD_BODIES = 4
"""Total size of the bodies that the server holds at once, in bodies of the largest size."""

PARSED_AT_ONCE = 2

GIVE_BACK_S = 5.0
"""Seconds that returning memory may take; it takes some milliseconds."""

MANY_MARKS = 20_000
"""JSON values in a body that takes some 50 ms to parse and validate."""

PIECE_BYTES = 256 * 1024

ENCODINGS = ("gzip", "deflate")

_T = TypeVar("_T")


@define
class _Arriving:
    """A body that is being received: its pieces so far, and their total size in bytes."""

    pieces: list[bytes] = field(factory=list)
    size: int = 0

    def take(self) -> bytes:
        """Return the whole body and keep no copy. Joining many pieces releases Python's global
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
        """Receive the current request's body and return the result of *parse*.

        :param most: largest size of the body in bytes, both as sent and as decoded.
        :raises GrokApiError: if *parse* raises one, or the body is incomplete or can't be decoded.
        """
        encoding = _encoding(request.headers.get("content-encoding", ""))
        arriving = _Arriving()
        try:
            if lifetime.body_arrived and not self._stopping:  # nothing has to be waited for
                await self._take_all(arriving, most)
            else:
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
        """Refuse bodies that have not arrived completely, and later ones: the server stops."""
        self._stopping = True
        for scope in self._receiving:
            scope.cancel()

    async def _give_back(self) -> None:
        """Return freed memory to the system after the request's objects are gone."""
        with trio.move_on_after(GIVE_BACK_S, shield=True), contextlib.suppress(Overloaded):
            await in_thread(give_back, abandon_on_cancel=True, limiter=self._threads)

    async def _receive(self, arriving: _Arriving, most: int) -> None:
        with trio.CancelScope() as scope:
            self._receiving.add(scope)
            if self._stopping:
                scope.cancel()
            try:
                with trio.fail_after(BODY_TIMEOUT_S):
                    await self._take_all(arriving, most)
            except trio.TooSlowError:
                raise RequestTimeout from None
            finally:
                self._receiving.discard(scope)
        if scope.cancelled_caught:
            raise ShuttingDown("The server is stopping; the request had not arrived completely.")

    async def _take_all(self, arriving: _Arriving, most: int) -> None:
        async for piece in request.body:
            self._keep(piece, arriving, most)

    def _keep(self, piece: bytes, arriving: _Arriving, most: int) -> None:
        arriving.size += len(piece)
        self._held += len(piece)
        if arriving.size > most:
            raise RequestTooLarge("The request body is larger than [server] max_body_mb allows.")
        if arriving.size > LARGE_BYTES and self._held > MOST_HELD_BODIES * most:
            raise Overloaded("Too many large requests are arriving at once.", retry_after=1)
        arriving.pieces.append(piece)


def _is_light(arriving: _Arriving, encoding: str) -> bool:
    """Whether parsing the body is so quick that a thread is not worthwhile."""
    if encoding or arriving.size > LARGE_BYTES:
        return False
    return sum(map(structure_marks, arriving.pieces)) <= MANY_MARKS


def _outcome(
    arriving: _Arriving, encoding: str, parse: Callable[[bytes], _T], most: int
) -> _T | GrokApiError:
    """The result of *parse*, or its error without a traceback, whose frames refer to the body."""
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

    :raises UnsupportedEncoding: if the encoding is unknown, or there are several.
    """
    name = ", ".join(filter(None, (part.strip().lower() for part in header.split(","))))
    name = name.removeprefix("x-") if name == "x-gzip" else name
    if name in ("", "identity"):
        return ""
    if name in ENCODINGS:
        return name
    raise UnsupportedEncoding(
        f"Content-Encoding {name[:40]!r} is not supported: send the body uncompressed, or with "
        "gzip or deflate."
    )


def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """*body* without its *encoding*, which is one of :data:`ENCODINGS`.

    :raises InvalidRequest: if the body is damaged or breaks off.
    :raises RequestTooLarge: if the decoded body has more than *most* bytes.
    """
    machine = zlib.decompressobj(_window_bits(body, encoding))
    # Written to one place that grows: joined pieces would be there twice.
    whole, fault = io.BytesIO(), ""
    try:
        for piece in _inflated(machine, body):
            if whole.tell() + len(piece) > most:
                raise RequestTooLarge(
                    "The decoded request body is larger than [server] max_body_mb allows."
                )
            whole.write(piece)
        if not machine.eof or machine.unused_data:
            fault = "it is incomplete, or followed by other data"
    except zlib.error:
        fault = "it is damaged, or in another format"
    if fault:
        raise InvalidRequest(f"The request body can't be decoded as {encoding}: {fault}.")
    return whole.getvalue()


def _inflated(machine: zlib._Decompress, body: bytes) -> Iterator[bytes]:
    """Pieces of at most :data:`PIECE_BYTES` that *machine* makes of *body*."""
    view = memoryview(body)
    for at in range(0, len(body), PIECE_BYTES):
        rest: bytes | memoryview = view[at : at + PIECE_BYTES]
        while True:
            piece = machine.decompress(rest, PIECE_BYTES)
            yield piece
            rest = machine.unconsumed_tail
            if not rest and len(piece) < PIECE_BYTES:
                break


def _window_bits(body: bytes, encoding: str) -> int:
    """The format's number for zlib. Some clients send ``deflate`` without the zlib header that RFC
    9110 requires.
    """
    if encoding == "gzip":
        return 16 + zlib.MAX_WBITS
    has_header = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
