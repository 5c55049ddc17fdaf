"""Facts of accounts that the websocket needs beside their sessions: the user's id, the modes."""

from __future__ import annotations

import uuid

import trio

from ....errors import CredentialsRejected, GrokApiError, UpstreamFailure
from ....protocol.grok_socket.modes import (
    MODES_PATH,
    SESSION_PATH,
    modes_body,
    page_headers,
    parse_modes,
    parse_session,
)
from ....protocol.grok_web.identity import without_statsig
from ...pool.leases import Lease
from ...transport.seam import Transport, UpstreamRequest
from ..grok_web.calls import call, post_json, whole_answer
from ..grok_web.settings import GrokWebSettings

__all__ = ["Users"]

MODES_S, MODES_RETRY_S = 86400.0, 3600.0
"""Seconds between two questions for an account's modes: after an answer, and after none."""

MODES_ASK_S = 5.0
"""Bound for such a question, in seconds: a client's request waits for it."""

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

    async def look_at_modes(self, lease: Lease, settings: GrokWebSettings) -> None:
        """Ask which modes the account may use, if that is due. No failure of it costs anything."""
        async with self._locks.setdefault(lease.key, trio.Lock()):
            if not lease.modes_due:
                return
            try:
                modes = parse_modes(await self._ask_modes(lease, settings))
            except GrokApiError as error:
                error.drop_frames()
                modes = None
            if modes is None:
                lease.learn_modes(None, again_in_s=MODES_RETRY_S)
                return
            refused = {mode.id: mode.tier for mode in modes.modes if not mode.usable}
            lease.learn_modes(refused, again_in_s=MODES_S)

    async def _ask_modes(self, lease: Lease, settings: GrokWebSettings) -> bytes:
        return await post_json(
            self._transport,
            settings.base_url + MODES_PATH,
            modes_body(),
            sso=lease.sso,
            proxy_url=lease.proxy_url,
            identity=without_statsig(settings.identity),
            seconds=MODES_ASK_S,
        )

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
