"""Targets that take alerts by an HTTP request: webhooks, and topics of ntfy.

Rules
-----
1. A redirect is not followed: message and token would go to a place that the owner did not name.
2. Nothing of Grok's goes along: no cookie, no browser's identity, no shared connection.
3. The URL is in no fault: it is a secret of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

import trio
from attrs import field, frozen

from ...errors import TransportFailure
from ...protocol.alerts.message import Message
from ...protocol.alerts.ntfy import ntfy_headers
from ...protocol.alerts.styles import WebhookStyle, style_of
from ...protocol.alerts.webhooks import refusal_of, webhook_body
from ..transport.seam import Exchange, Transport, UpstreamRequest
from ..transport.visits import read_at_most, visit
from .target import Outcome

__all__ = ["WebTarget", "ntfy_target", "webhook_target"]

SEND_S = 20.0
"""Bound for one try, in seconds."""

BODY_S = 5.0
"""Bound for the body of an answer, in seconds, and its size in bytes."""

BODY_BYTES = 4096

WORTH_ANOTHER_TRY = frozenset({408, 425, 429})
"""Refusals with a 4xx that pass by themselves; those with a 5xx do, too."""

Headers: TypeAlias = tuple[tuple[str, str], ...]

_HEADERS: Headers = (("User-Agent", "grok2api"), ("Accept-Encoding", "identity"))


@frozen
class WebTarget:
    """A target with a URL.

    :ivar write: makes the headers and the body of a request.
    :ivar refusal: finds the refusal in the body of a 2xx; returns an empty string if there is none.
    :ivar proxy_url: the way to it; empty for a direct one.
    """

    name: str
    transport: Transport
    url: str = field(repr=False)
    write: Callable[[Message], tuple[Headers, bytes]]
    refusal: Callable[[bytes], str]
    proxy_url: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """The host."""
        return urlsplit(self.url).hostname or "the host"

    async def send(self, message: Message) -> Outcome:
        """Try once."""
        with trio.move_on_after(SEND_S):
            return await self._post(message)
        return Outcome(f"{self.place} did not answer within {SEND_S:g} s", again=True)

    async def _post(self, message: Message) -> Outcome:
        headers, body = self.write(message)
        request = UpstreamRequest(
            "POST",
            self.url,
            _HEADERS + headers,
            body,
            proxy_url=self.proxy_url,
            connect_net_s=SEND_S,
            impersonated=False,
            who=self.place,
        )
        try:
            return await visit(self.transport, request, self._outcome)
        except TransportFailure as failure:
            fault = failure.message.rstrip(".")
            failure.drop_frames()
            return Outcome(fault, again=True)

    async def _outcome(self, exchange: Exchange) -> Outcome:
        status = (await exchange.head()).status
        if 200 <= status < 300:
            body = await read_at_most(exchange, BODY_BYTES, seconds=BODY_S)
            refusal = self.refusal(body)
            return Outcome(f"{self.place} refused it: {refusal}" if refusal else "", again=True)
        if 300 <= status < 400:
            return Outcome(f"{self.place} answered {status}, and redirects are not followed")
        again = status >= 500 or status in WORTH_ANOTHER_TRY
        return Outcome(f"{self.place} answered {status}", again=again)


def webhook_target(
    transport: Transport, url: str, style: WebhookStyle, proxy_url: str = ""
) -> WebTarget:
    """A webhook, in the form of its service."""
    meant = style_of(style, url)

    def write(message: Message) -> tuple[Headers, bytes]:
        return (("Content-Type", "application/json; charset=utf-8"),), webhook_body(meant, message)

    refusal = functools.partial(refusal_of, meant)
    return WebTarget("webhook", transport, url, write, refusal, proxy_url)


def ntfy_target(transport: Transport, url: str, token: str, proxy_url: str = "") -> WebTarget:
    """A topic of ntfy's."""

    def write(message: Message) -> tuple[Headers, bytes]:
        return ntfy_headers(message, token), message.body.encode()

    return WebTarget("ntfy", transport, url, write, lambda _: "", proxy_url)
