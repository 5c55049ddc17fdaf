"""Calls to Grok beside a chat (uploads, posts, rate limits, assets), with an account's token and
egress.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from ....errors import GrokApiError, TransportFailure
from ....protocol.grok_web.identity import Identity
from ....protocol.grok_web.payload import chat_headers
from ....protocol.grok_web.refusals import REFUSAL_BODY_BYTES, is_html, refusal_of_response
from ...transport.seam import Exchange, Transport, UpstreamRequest
from ...transport.visits import read_at_most, visit_again

__all__ = ["call", "post_json", "whole_answer"]

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
    """Post JSON, and return the body of the answer; of a long one, its beginning.

    If a connection dies before anything of the answer came, the call is made once more over a fresh
    one. At worst Grok has done the same twice: another file of the same content, another look at a
    number.

    :raises GrokApiError: if it was refused, failed, or took longer than *seconds*; the token is in
        no message.
    """
    headers = chat_headers(identity, url=url, sso=sso, request_id=str(uuid.uuid4()))
    request = UpstreamRequest("POST", url, tuple(headers), body, proxy_url, connect_net_s=seconds)
    late = f"Grok did not answer within {seconds:g} s."
    return await call(transport, request, whole_answer, sso=sso, seconds=seconds, late=late)


async def call(
    transport: Transport,
    request: UpstreamRequest,
    take: Callable[[Exchange], Awaitable[_T]],
    *,
    sso: str,
    seconds: float,
    late: str,
) -> _T:
    """Make *request*, a second time if its connection dies, and return the result of *take*.

    :param sso: the session token; it is taken out of all errors.
    :param late: the message if *seconds* are over.
    :raises GrokApiError: if *take* does, or if it was too late.
    """
    try:
        with trio.move_on_after(seconds):
            return await visit_again(transport, request, take)
        raise TransportFailure(late)
    except GrokApiError as error:
        error.redact(sso)
        raise


async def whole_answer(exchange: Exchange) -> bytes:
    """The body of an answer; of a long one, its beginning.

    :raises GrokApiError: it is a refusal.
    """
    head = await exchange.head()
    body = await read_at_most(exchange, REFUSAL_BODY_BYTES)
    if head.status != 200 or is_html(head.headers, body):
        raise refusal_of_response(head.status, head.headers, body)
    return body
