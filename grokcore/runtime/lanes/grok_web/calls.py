"""A small call to Grok beside a chat: JSON there, JSON back, with an account's token and way
out.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from attrs import evolve

from ....errors import GrokApiError, TransportFailure
from ....protocol.grok_web.identity import Identity
from ....protocol.grok_web.payload import chat_headers
from ....protocol.grok_web.refusals import REFUSAL_BODY_BYTES, is_html, refusal_of_response
from ...transport.seam import ConnectionDied, Exchange, Transport, UpstreamRequest

__all__ = ["asked_again", "post_json"]

CLOSE_S = 2.0
"""Bound for closing one, in seconds."""

_T = TypeVar("_T")


async def post_json(
    transport: Transport,
    url: str,
    body: bytes,
    *,
    sso: str,
    proxy_url: str,
    identity: Identity,
    seconds: float,
) -> bytes:
    """The body of the answer; of a long one, its beginning.

    A connection that dies before anything of the answer came costs one more try, over a fresh one.
    At worst Grok has done twice what was asked: another file of the same content, another look at a
    number.

    :raises GrokApiError: it was refused, failed, or took longer than *seconds*; the token is in no
        message.
    """
    headers = chat_headers(identity, url=url, sso=sso, request_id=str(uuid.uuid4()))
    request = UpstreamRequest("POST", url, tuple(headers), body, proxy_url, connect_net_s=seconds)
    try:
        with trio.move_on_after(seconds):
            return await asked_again(transport, request, _answer)
        raise TransportFailure(f"Grok did not answer within {seconds:g} s.")
    except GrokApiError as error:
        error.redact(sso)
        raise


async def asked_again(
    transport: Transport, request: UpstreamRequest, take: Callable[[Exchange], Awaitable[_T]]
) -> _T:
    """Make *request*, and a second time over a fresh connection if the first one died under it.
    Returns what *take* does.

    :raises GrokApiError: if *take* does, the second time or for another reason.
    """
    try:
        return await _asked(transport, request, take)
    except ConnectionDied:
        return await _asked(transport, evolve(request, fresh=True), take)


async def _asked(
    transport: Transport, request: UpstreamRequest, take: Callable[[Exchange], Awaitable[_T]]
) -> _T:
    exchange = transport.open(request)
    try:
        return await take(exchange)
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            await exchange.aclose()


async def _answer(exchange: Exchange) -> bytes:
    head = await exchange.head()
    body = b""
    with contextlib.suppress(TransportFailure):
        while len(body) < REFUSAL_BODY_BYTES and (data := await exchange.read()):
            body += data
    if head.status != 200 or is_html(head.headers, body):
        raise refusal_of_response(head.status, head.headers, body[:REFUSAL_BODY_BYTES])
    return body
