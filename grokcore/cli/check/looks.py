"""The requests and name look-ups of ``check``: each once, with a timeout, and without any token."""

from __future__ import annotations

import time
from collections.abc import Mapping

import trio
from attrs import field, frozen

from ...errors import TransportFailure
from ...protocol.grok_web.asset_requests import asset_headers
from ...protocol.grok_web.identity import Identity
from ...runtime.attachments.lookups import Lookups
from ...runtime.transport.curl import CurlFailure
from ...runtime.transport.seam import Exchange, Transport, UpstreamRequest
from ...runtime.transport.visits import read_at_most, visit

__all__ = ["LOOK_S", "Look", "Visitor", "look_up"]

LOOK_S = 10.0
"""The timeout of one request or look-up, in seconds."""

BODY_BYTES = 64 * 1024

TRACE_PATH = "/cdn-cgi/trace"
"""A path that Cloudflare answers on every host that it serves.

The answer is a few lines: the address and country of the caller, and the data centre that answers.
(There is no official document; the lines have been the same for years.)
"""

ASSETS_PATH = "/users/"
"""The path above all pictures and videos of accounts."""


@frozen
class Look:
    """The result of one request.

    :ivar status: the HTTP status; 0 if there was no response.
    :ivar headers: names in lower case.
    :ivar failure: the reason in words if there was no response; else empty.
    :ivar curl_code: libcurl's number of the failure; 0 if it has none.
    :ivar proxy_status: the status with which a proxy refused; 0 if it did not.
    :ivar at: the middle of the time from the request to the response's head, by this machine's
        clock: seconds since 1970.
    """

    status: int = 0
    headers: Mapping[str, str] = field(factory=dict)
    body: bytes = b""
    failure: str = ""
    curl_code: int = 0
    proxy_status: int = 0
    at: float = 0.0


@frozen
class Visitor:
    """Sends Grok's hosts requests that need no account, as the browser that questions come from.

    :ivar base_url: as configured; *assets_url* likewise.
    """

    transport: Transport
    base_url: str
    assets_url: str
    identity: Identity

    async def trace(self, proxy_url: str) -> Look:
        """The address that Grok's edge sees, through this proxy (empty for none)."""
        headers = [("User-Agent", self.identity.user_agent)] if self.identity.user_agent else []
        return await self._look(
            "GET", self.base_url + TRACE_PATH, [*headers, *self._clearance()], proxy_url
        )

    async def assets(self, proxy_url: str) -> Look:
        """The answer of the assets host to a client that is not signed in and names no picture."""
        headers = [*asset_headers(self.identity, "image", sso=""), *self._clearance()]
        return await self._look("GET", self.assets_url + ASSETS_PATH, headers, proxy_url)

    def _clearance(self) -> list[tuple[str, str]]:
        clearance = self.identity.cf_clearance
        return [("Cookie", f"cf_clearance={clearance}")] if clearance else []

    async def _look(
        self, method: str, url: str, headers: list[tuple[str, str]], proxy_url: str
    ) -> Look:
        request = UpstreamRequest(method, url, tuple(headers), b"", proxy_url, connect_net_s=LOOK_S)
        try:
            with trio.move_on_after(LOOK_S):
                return await visit(self.transport, request, _answer)
            return Look(failure=f"there was no answer within {LOOK_S:g} s")
        except CurlFailure as error:
            return Look(
                failure=_words(error), curl_code=error.curl_code, proxy_status=error.proxy_status
            )
        except TransportFailure as error:
            return Look(failure=_words(error))


async def _answer(exchange: Exchange) -> Look:
    begun = time.time()
    head = await exchange.head()
    at = (begun + time.time()) / 2
    body = await read_at_most(exchange, BODY_BYTES)
    return Look(head.status, head.headers, body, at=at)


def _words(error: TransportFailure) -> str:
    return error.message.removesuffix(".")


async def look_up(host: str, lookups: Lookups) -> tuple[str, ...] | str:
    """The addresses of *host*, or in words why there are none."""
    if not host:
        return "no host is named"
    try:
        with trio.move_on_after(LOOK_S):
            return tuple(dict.fromkeys(await lookups(host, 0)))
    except OSError as error:
        return error.strerror or "it has no address"
    except UnicodeError:  # from the codec for international names
        return "it is no host name"
    return f"there was no answer within {LOOK_S:g} s"
