"""The seam to the network: a few methods, so that everything above can be tested without one.

The real one is :class:`grokcore.runtime.transport.curl.CurlTransport`; the tests have a scripted
one, because a faked clock would jump past real threads.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Protocol

from attrs import field, frozen

from ...errors import TransportFailure

__all__ = [
    "ConnectionDied",
    "Exchange",
    "Heartbeat",
    "ResponseHead",
    "SocketClosed",
    "SocketExchange",
    "SocketTransport",
    "Transport",
    "UpstreamRequest",
]


class ConnectionDied(TransportFailure):
    """A connection that broke before anything of the response came; as a rule a kept connection
    that was dead.
    """


class SocketClosed(TransportFailure):
    """The other side closed a websocket, and not in good order.

    :ivar reason: of its close frame; empty if it gave none.
    :ivar close_code: of its close frame; None if it had none.
    """

    def __init__(self, message: str, reason: str = "", close_code: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.close_code = close_code


def _check_address(_: object, __: object, value: str) -> None:
    # libcurl passes over what it can't read here, and would resolve the name itself.
    if "%" in value:
        raise ValueError("connect_to has a scope")
    if value:
        ipaddress.ip_address(value)


@frozen
class UpstreamRequest:
    """An HTTP request, to Grok unless :attr:`who` names another site.

    :ivar headers: in order; an empty value takes a header of the impersonated browser out.
    :ivar proxy_url: the egress; empty for a direct connection, whatever the environment's proxy
        variables say.
    :ivar fresh: make a connection of its own instead of reusing one.
    :ivar connect_net_s: seconds after which the transport itself gives connecting up. The caller's
        clocks are shorter.
    :ivar connect_to: the address, without port, that the connection goes to, whatever the URL's
        name would resolve to; Host header and certificate stay the URL's. Empty resolves the name.
        Not together with a proxy.
    :ivar impersonated: whether it is sent as the browser, with its handshake and headers. Else it
        is sent as a plain client, with the headers given and over a connection of its own: other
        sites see nothing that Grok sees. A browser's response comes decoded, a plain client's as it
        was sent.
    :ivar kept: of a plain client's request, whether its connection may serve others as well. Only
        for a transport that no other site's requests go through.
    :ivar who: the name of the other side in failures.
    :raises ValueError: if ``connect_to`` is no address.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    proxy_url: str = field(default="", repr=False)
    fresh: bool = False
    connect_net_s: float = 3600.0
    connect_to: str = field(default="", validator=_check_address)
    impersonated: bool = True
    kept: bool = False
    who: str = "Grok"


@frozen
class ResponseHead:
    """Status and headers (names in lower case; of repeated ones the last).

    :ivar peer: the address at the other end of the connection (a proxy's, if there is one); empty
        if it is unknown.
    """

    status: int
    headers: dict[str, str]
    peer: str = ""


@frozen
class Heartbeat:
    """A message that a websocket sends again and again.

    :ivar every_s: seconds between two.
    :ivar message: returns the next one; called in the transport's own thread.
    """

    every_s: float
    message: Callable[[], bytes]


class Exchange(Protocol):
    """A request under way. Waiting methods may be cancelled at any time and called again: nothing
    is lost.
    """

    async def head(self) -> ResponseHead:
        """Wait for the response's head.

        :raises TransportFailure: if there was no response.
        """

    async def read(self) -> bytes:
        """Wait for more of the body; ``b""`` once it has ended in good order.

        :raises TransportFailure: if the connection broke, after everything that had arrived was
            read.
        """

    def read_nowait(self) -> bytes | None:
        """More of the body, if it has arrived; None if nothing has; ``b""`` as in :meth:`read`.

        :raises TransportFailure: as in :meth:`read`.
        """

    async def wait(self) -> None:
        """Wait until there is news of any kind, or :meth:`wake` is called. It may also return
        without either.
        """

    def wake(self) -> None:
        """Make :meth:`wait` return."""

    async def aclose(self) -> None:
        """Abort the request if it is still under way. Returns when the transport is done with it;
        safe to repeat.
        """


class SocketExchange(Exchange, Protocol):
    """A websocket under way.

    Its head has the status 101, or another one if the upgrade was refused; a refusal has no body.
    Its body has a line for each message, text or binary, in pieces as they arrive; line breaks
    within a message are spaces. It ends in good order with a normal closure, else with a
    :class:`SocketClosed` or another failure.
    """

    def send(self, *messages: bytes) -> None:
        """Have text messages sent, after those before them. Messages wait for the upgrade."""


class Transport(Protocol):
    """Makes requests."""

    def open(self, request: UpstreamRequest) -> Exchange:
        """Begin *request*: the other side sees it once at most. Nothing is waited for."""


class SocketTransport(Protocol):
    """Makes websockets."""

    def connect(self, request: UpstreamRequest, heartbeat: Heartbeat | None) -> SocketExchange:
        """Begin a websocket.

        :param request: ``GET`` of a ``ws:`` or ``wss:`` URL, with the headers of the upgrade.
        """
