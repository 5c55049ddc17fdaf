"""Small requests to xAI beside an answer: a ``GET`` of JSON.

They go out as a plain client's, with this server's own ``User-Agent`` and over a connection of
their own. libcurl checks the host's certificate all the same. A redirect is an answer like any
other: the key goes to no other host.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import trio

from ....errors import GrokApiError, TransportFailure
from ...transport.seam import Exchange, Transport, UpstreamRequest
from ...transport.visits import read_at_most, visit_again

__all__ = ["WHO", "Answer", "get_json"]

WHO = "xAI"
"""The other side's name in failures."""

MOST_BYTES = 4 * 1024 * 1024

Answer: TypeAlias = tuple[int, dict[str, str], bytes]
"""Status, headers (names in lower case), body."""


async def get_json(
    transport: Transport,
    url: str,
    headers: Iterable[tuple[str, str]],
    *,
    proxy_url: str,
    seconds: float,
    secrets: Iterable[str] = (),
) -> Answer:
    """Get *url*, a second time if the connection dies at once. A body of more than 4 MiB is cut.

    :param secrets: values that are taken out of every error.
    :raises TransportFailure: if there was no answer within *seconds*.
    """
    request = UpstreamRequest(
        "GET",
        url,
        (("Accept", "application/json"), *_others(headers)),
        b"",
        proxy_url=proxy_url,
        connect_net_s=seconds,
        impersonated=False,
        who=WHO,
    )
    try:
        with trio.move_on_after(seconds):
            return await visit_again(transport, request, _answer)
        raise TransportFailure(f"{WHO} did not answer within {seconds:g} s.")
    except GrokApiError as error:
        for secret in secrets:
            error.redact(secret)
        raise


def _others(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """*headers* without those that describe a question and its stream of events."""
    return [pair for pair in headers if pair[0].lower() not in ("accept", "content-type")]


async def _answer(exchange: Exchange) -> Answer:
    head = await exchange.head()
    return head.status, head.headers, await read_at_most(exchange, MOST_BYTES)
