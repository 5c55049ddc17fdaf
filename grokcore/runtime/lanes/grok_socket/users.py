"""Facts of accounts that the websocket needs beside their sessions: the user's id, the modes."""

from __future__ import annotations

import trio

from ....errors import CredentialsRejected, GrokApiError
from ...pool.leases import Lease
from ...transport.seam import Transport
from ..grok_web.settings import GrokWebSettings
from .account_asker import AccountAsker

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
                modes = await self._asker(lease, settings).modes(MODES_ASK_S)
            except GrokApiError as error:
                error.drop_frames()
                modes = None
            if modes is None:
                lease.learn_modes(None, again_in_s=MODES_RETRY_S)
                return
            refused = {mode.id: mode.tier for mode in modes.modes if not mode.usable}
            lease.learn_modes(refused, again_in_s=MODES_S)

    def _asker(self, lease: Lease, settings: GrokWebSettings) -> AccountAsker:
        return AccountAsker(self._transport, settings, lease.sso, lease.proxy_url)

    async def _ask(self, lease: Lease, settings: GrokWebSettings) -> str:
        session = await self._asker(lease, settings).session(ASK_S)
        if session.blocked:
            raise CredentialsRejected("Grok has blocked this account (/api/auth/session).")
        return session.user_id
