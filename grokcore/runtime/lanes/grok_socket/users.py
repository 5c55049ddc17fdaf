"""The user ids of accounts, which the websocket needs beside the session token."""

from __future__ import annotations

import uuid

import trio

from ....errors import CredentialsRejected, UpstreamFailure
from ....protocol.grok_socket.modes import SESSION_PATH, page_headers, parse_session
from ...pool.leases import Lease
from ...transport.seam import Transport, UpstreamRequest
from ..grok_web.calls import call, whole_answer
from ..grok_web.settings import GrokWebSettings

__all__ = ["Users"]

ASK_S = 20.0
"""Bound for one question, in seconds."""


class Users:
    """User ids, each asked for once and kept with its account (grok-protocol.md §8.8)."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._locks: dict[str, trio.Lock] = {}

    async def user_id(self, lease: Lease, settings: GrokWebSettings) -> str:
        """The id of the lease's account. Of several questions at once, one is asked.

        :raises GrokApiError: the session is refused (CredentialsRejected), or Grok did not say.
        """
        lock = self._locks.setdefault(lease.key, trio.Lock())
        async with lock:
            if user_id := lease.user_id:
                return user_id
            user_id = await self._ask(lease, settings)
            lease.learn_user(user_id)
            return user_id

    async def _ask(self, lease: Lease, settings: GrokWebSettings) -> str:
        url = settings.base_url + SESSION_PATH
        headers = page_headers(
            settings.identity, url=url, sso=lease.sso, request_id=str(uuid.uuid4())
        )
        request = UpstreamRequest(
            "GET", url, tuple(headers), b"", proxy_url=lease.proxy_url, connect_net_s=ASK_S
        )
        late = f"Grok did not say within {ASK_S:g} s whose session this is."
        body = await call(
            self._transport, request, whole_answer, sso=lease.sso, seconds=ASK_S, late=late
        )
        session = parse_session(body)
        if session is None:
            raise UpstreamFailure("Grok did not say whose session this is (/api/auth/session).")
        if session.blocked:
            raise CredentialsRejected("Grok has blocked this account (/api/auth/session).")
        return session.user_id
