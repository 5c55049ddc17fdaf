"""Requests about one account that cost no answer: whose session it is, which modes it may use,
whether its websocket opens.
"""

from __future__ import annotations

import uuid

import trio
from attrs import field, frozen

from ....errors import GrokApiError, TransportFailure, UpstreamFailure
from ....protocol.grok_socket.client_frames import socket_url, upgrade_headers
from ....protocol.grok_socket.modes import (
    MODES_PATH,
    SESSION_PATH,
    Modes,
    UserSession,
    modes_body,
    page_headers,
    parse_modes,
    parse_session,
)
from ....protocol.grok_socket.refusals import refusal_of_upgrade
from ....protocol.grok_web.identity import without_statsig
from ...transport.seam import SocketTransport, Transport, UpstreamRequest
from ...transport.visits import CLOSE_S
from ..grok_web.calls import call, post_json, whole_answer
from ..grok_web.settings import GrokWebSettings

__all__ = ["SWITCHING_PROTOCOLS", "AccountAsker", "upgrade_request"]

SWITCHING_PROTOCOLS = 101
"""Status of an upgrade that was accepted (RFC 9110, section 15.2.2)."""


@frozen
class AccountAsker:
    """Asks as the browser that questions come from, with one session and its egress.

    :ivar sso: the session token.
    """

    transport: Transport
    settings: GrokWebSettings
    sso: str = field(repr=False)
    proxy_url: str = field(repr=False)

    async def session(self, seconds: float) -> UserSession:
        """The account that the session belongs to.

        :raises GrokApiError: if the session is refused (CredentialsRejected), or Grok did not name
            the account within *seconds*.
        """
        url = self.settings.base_url + SESSION_PATH
        headers = page_headers(
            self.settings.identity, url=url, sso=self.sso, request_id=str(uuid.uuid4())
        )
        request = UpstreamRequest(
            "GET", url, tuple(headers), b"", proxy_url=self.proxy_url, connect_net_s=seconds
        )
        late = f"Grok did not say within {seconds:g} s whose session this is."
        body = await call(
            self.transport, request, whole_answer, sso=self.sso, seconds=seconds, late=late
        )
        session = parse_session(body)
        if session is None:
            raise UpstreamFailure("Grok did not say whose session this is (/api/auth/session).")
        return session

    async def modes(self, seconds: float) -> Modes | None:
        """The modes of the account; None if Grok's answer lists none.

        :raises GrokApiError: if the request was refused or failed, or took longer than *seconds*.
        """
        body = await post_json(
            self.transport,
            self.settings.base_url + MODES_PATH,
            modes_body(),
            sso=self.sso,
            proxy_url=self.proxy_url,
            identity=without_statsig(self.settings.identity),
            seconds=seconds,
        )
        return parse_modes(body)

    async def try_upgrade(
        self, sockets: SocketTransport, user_id: str, path: str, seconds: float
    ) -> None:
        """Open the account's websocket and close it again. Nothing is asked over it.

        :raises GrokApiError: if it does not open within *seconds*; session and user id are in no
            message.
        """
        request = upgrade_request(
            self.settings, path, user_id, sso=self.sso, proxy_url=self.proxy_url, seconds=seconds
        )
        exchange = sockets.connect(request, None)
        try:
            with trio.move_on_after(seconds):
                head = await exchange.head()
                if head.status != SWITCHING_PROTOCOLS:
                    raise refusal_of_upgrade(head.status, head.headers, b"")
                return
            raise TransportFailure(f"Grok did not answer the upgrade within {seconds:g} s.")
        except GrokApiError as error:
            for secret in (self.sso, user_id):
                error.redact(secret)
            raise
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                await exchange.aclose()


def upgrade_request(
    settings: GrokWebSettings,
    path: str,
    user_id: str,
    *,
    sso: str,
    proxy_url: str,
    seconds: float,
    fresh: bool = False,
) -> UpstreamRequest:
    """The upgrade that opens an account's websocket.

    :param seconds: after which the transport gives connecting up.
    :param fresh: make a connection of its own instead of reusing one.
    """
    return UpstreamRequest(
        "GET",
        socket_url(settings.base_url, user_id, path),
        tuple(upgrade_headers(settings.identity, sso=sso, user_id=user_id)),
        b"",
        proxy_url=proxy_url,
        fresh=fresh,
        connect_net_s=seconds,
    )
