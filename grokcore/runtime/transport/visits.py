"""Small requests beside an answer: each is opened, read and closed in one call.

These are functions that take a callback. A context manager would need a ``yield`` between opening
and closing, where a caller's clock may not be (docs/developers/architecture.md).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from attrs import evolve

from ...errors import TransportFailure
from .seam import ConnectionDied, Exchange, Transport, UpstreamRequest

__all__ = ["CLOSE_S", "read_at_most", "visit", "visit_again"]

CLOSE_S = 2.0
"""Bound for closing an exchange, in seconds."""

_T = TypeVar("_T")


async def visit(
    transport: Transport, request: UpstreamRequest, take: Callable[[Exchange], Awaitable[_T]]
) -> _T:
    """Make *request*, return the result of *take*, and close the exchange in any case."""
    exchange = transport.open(request)
    try:
        return await take(exchange)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            await exchange.aclose()


async def visit_again(
    transport: Transport, request: UpstreamRequest, take: Callable[[Exchange], Awaitable[_T]]
) -> _T:
    """:func:`visit`, and once more over a fresh connection if the first one died under *request*.

    For requests that do no harm if the other side gets them twice.
    """
    try:
        return await visit(transport, request, take)
    except ConnectionDied:
        return await visit(transport, evolve(request, fresh=True), take)


async def read_at_most(exchange: Exchange, most: int, *, seconds: float = math.inf) -> bytes:
    """The beginning of a body: the first *most* bytes of it, or less if it breaks off or *seconds*
    are over.
    """
    body = b""
    with trio.move_on_after(seconds), contextlib.suppress(TransportFailure):
        while len(body) < most and (piece := await exchange.read()):
            body += piece
    return body[:most]
