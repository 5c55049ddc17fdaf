"""The credential of an official lane, and the seam to the place that it comes from.

Rules
-----
1. A source is asked before each request: :meth:`CredentialSource.refresh` costs next to nothing
   while nothing can have changed.
2. Several tasks may refresh at once. One of them does the work, and the others wait for it.
3. A refresh never fails, and waits only for a bounded time. Without a credential,
   :attr:`CredentialSource.fault` says why.
4. A source only reads. It never renews, writes or locks anything of the owner's.
"""

from __future__ import annotations

from typing import Protocol

import trio
from attrs import Factory, field, frozen

from ....protocol.official.auth_file import CliSession
from ....protocol.tokens import ID_DIGITS, token_key

__all__ = ["Credential", "CredentialSource", "FixedKey", "credential_of"]


@frozen
class Credential:
    """A key of xAI's API, or an access token of xAI's CLI.

    :ivar secret: the key or token.
    :ivar key: name by which state is saved, as of a :class:`~grokcore.protocol.tokens.TokenEntry`.
    :ivar id: name that may be shown.
    :ivar expires_at: seconds since 1970; None if it is unknown.
    :ivar version: of xAI's CLI; empty for a key, or if it is unknown.
    """

    secret: str = field(repr=False)
    user_id: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    expires_at: float | None = None
    version: str = ""
    key: str = field(
        init=False,
        eq=False,
        repr=False,
        default=Factory(lambda self: token_key(self.secret), takes_self=True),
    )
    id: str = field(
        init=False, eq=False, default=Factory(lambda self: self.key[:ID_DIGITS], takes_self=True)
    )

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that no message may quote."""
        return tuple(filter(None, (self.secret, self.email, self.user_id)))


class CredentialSource(Protocol):
    """The place that a lane's credential comes from."""

    @property
    def current(self) -> Credential | None:
        """The credential as it was last read; None if there is none, or it has expired."""

    @property
    def fault(self) -> str:
        """Why there is no credential, in a sentence for the owner; empty if there is one."""

    async def refresh(self, *, stale: str = "") -> None:
        """Bring :attr:`current` up to date, if something may have changed.

        :param stale: the key of a credential that xAI has refused (401). If it is still the current
            one, it is read anew, whatever a file's time says.
        """

    def forget_version(self) -> None:
        """Look the CLI's version up anew with the next refresh: xAI called it outdated (426)."""

    @property
    def key(self) -> str:
        """The name of the current credential that no other has; empty without one."""
        return "" if self.current is None else self.current.key

    @property
    def id(self) -> str:
        """The name of the current credential that may be shown; empty without one."""
        return "" if self.current is None else self.current.id

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values of the current credential that no message may quote."""
        return () if self.current is None else self.current.secrets


def credential_of(session: CliSession | None, version: str, now: float) -> Credential | None:
    """The credential that a session is; None if there is none, or it has expired.

    :param now: seconds since 1970.
    """
    if session is None or (session.expires_at is not None and now >= session.expires_at):
        return None
    return Credential(session.token, session.user_id, session.email, session.expires_at, version)


class FixedKey(CredentialSource):
    """A key of the configuration."""

    def __init__(self, key: str) -> None:
        self._current = Credential(key) if key else None

    @property
    def current(self) -> Credential | None:
        """The key; None if the configuration has none."""
        return self._current

    @property
    def fault(self) -> str:
        """Empty if there is a key."""
        return "" if self._current else "There is no API key of xAI ([api] key)."

    async def refresh(self, *, stale: str = "") -> None:  # noqa: ARG002  a protocol's
        """Nothing can have changed."""
        await trio.lowlevel.checkpoint()

    def forget_version(self) -> None:
        """A key has no version."""
