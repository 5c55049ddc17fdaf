"""The looks at accounts that chat over the websocket: the session, the upgrade, the modes, the
allowance. None of them costs an answer.

Rules
-----
1. Tokens are looked at a few at a time, in their order; the looks at one follow each other.
2. After a refusal that concerns an egress, no other token makes this look through it: more requests
   would only harden the refusal.
3. A session that is refused ends the looks at its token.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from attrs import define, evolve, field, frozen

from ...errors import Blame, CredentialsRejected, GrokApiError, UpstreamFailure
from ...protocol.grok_socket.modes import Modes, UserSession
from ...protocol.quota import Quota
from ...protocol.tokens import TokenEntry
from ...runtime.gather import for_all
from ...runtime.lanes.grok_socket.account_asker import AccountAsker
from ...runtime.lanes.grok_web.settings import GrokWebSettings
from ...runtime.transport.curl import CurlTransport
from ..tokens.quota_check import Round, way_of
from .looks import LOOK_S

__all__ = ["AccountLook", "AccountRound"]

AT_ONCE = 8
"""Tokens looked at at once."""

_Result = TypeVar("_Result")


@frozen
class AccountLook:
    """The results for one token; a look that was not made is None.

    :ivar upgrade: the error, or whether the websocket opened.
    """

    entry: TokenEntry
    session: UserSession | GrokApiError | None = None
    upgrade: bool | GrokApiError | None = None
    modes: Modes | GrokApiError | None = None
    left: Quota | GrokApiError | None = None

    @property
    def dead(self) -> bool:
        """Whether Grok refuses the session, or has blocked its account."""
        refused = any(
            isinstance(result, CredentialsRejected)
            for result in (self.session, self.upgrade, self.modes, self.left)
        )
        return refused or (isinstance(self.session, UserSession) and self.session.blocked)


@define
class AccountRound:
    """A round over tokens, each once.

    :ivar path: of the websocket.
    :ivar allowances: asks for the allowance of the group of a model of the websocket's.
    """

    transport: CurlTransport
    settings: GrokWebSettings
    path: str
    default_proxy: str = field(repr=False)
    allowances: Round
    _refused: dict[tuple[str, str], GrokApiError] = field(factory=dict, repr=False)

    async def look_at_all(
        self, entries: Sequence[TokenEntry], advance: Callable[[], None]
    ) -> list[AccountLook]:
        """Look at *entries*; *advance* is called after each."""

        async def look(entry: TokenEntry) -> AccountLook:
            found = await self._look(entry)
            advance()
            return found

        return await for_all(entries, look, at_once=AT_ONCE)

    async def _look(self, entry: TokenEntry) -> AccountLook:
        way = way_of(entry, self.default_proxy)
        asker = AccountAsker(self.transport, self.settings, entry.sso, way)
        session = await self._once("session", way, functools.partial(asker.session, LOOK_S))
        look = AccountLook(entry, session)
        named = session.user_id if isinstance(session, UserSession) else ""
        user_id = entry.user_id or named
        if user_id and not look.dead:
            upgrade = functools.partial(self._opens, asker, user_id)
            look = evolve(look, upgrade=await self._once("websocket", way, upgrade))
        if not look.dead:
            modes = functools.partial(_modes_of, asker)
            look = evolve(look, modes=await self._once("modes", way, modes))
        if not look.dead:
            look = evolve(look, left=await self.allowances.ask_one(entry))
        return look

    async def _opens(self, asker: AccountAsker, user_id: str) -> bool:
        await asker.try_upgrade(self.transport, user_id, self.path, LOOK_S)
        return True

    async def _once(
        self, what: str, way: str, ask: Callable[[], Awaitable[_Result]]
    ) -> _Result | GrokApiError:
        """The result of *ask*, or its error; the former error if the egress was refused before."""
        if (what, way) in self._refused:
            return self._refused[what, way]
        try:
            return await ask()
        except GrokApiError as error:
            if error.blame is Blame.EGRESS:
                self._refused[what, way] = error
            return error


async def _modes_of(asker: AccountAsker) -> Modes:
    modes = await asker.modes(LOOK_S)
    if modes is None:
        raise UpstreamFailure("Grok's answer lists no modes.")
    return modes
