"""A program of the owner's that prints a token of the CLI lane (``[cli] token_command``)."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

import trio

from ....protocol.official.auth_file import CliSession, parse_token_output
from ....protocol.tokens import token_key
from .client_version import ClientVersion
from .credentials import Credential, CredentialSource, credential_of
from .processes import ProcessFailed, run_bounded

__all__ = ["TokenCommand"]

RUN_S = 30.0
"""Bound for one run, in seconds."""

MOST_OUTPUT_BYTES = 64_000

BEFORE_END_S = 60.0
"""Seconds before a token's end at which the next one is asked for."""

PAUSE_S = 10.0
"""Pause after a run that brought no new token, in seconds."""

_log = logging.getLogger(__name__)


class TokenCommand(CredentialSource):
    """The token that a command prints, kept until shortly before its end.

    Of several tasks that need a token at once, one runs the command and the others wait. If that
    task is cancelled, the command is killed and the next task runs it.

    :param wall: returns seconds since 1970.
    """

    def __init__(
        self, command: Sequence[str], version: ClientVersion, wall: Callable[[], float]
    ) -> None:
        self._command = tuple(command)
        self._version = version
        self._wall = wall
        self._session: CliSession | None = None
        self._found_version = ""
        self._renew_at = -math.inf
        self._fault = "The token command has not run yet."
        self._pause_ends = -math.inf
        self._lock = trio.Lock()

    @property
    def current(self) -> Credential | None:
        """The token of the last run; None once it has expired."""
        return credential_of(self._session, self._found_version, self._wall())

    @property
    def fault(self) -> str:
        """Why there is no token."""
        if self.current is not None:
            return ""
        return self._fault or "The token of the token command has expired."

    async def refresh(self, *, stale: str = "") -> None:
        """Run the command if there is no token, if it ends soon, or if it is *stale*."""
        async with self._lock:
            if self._is_due(stale) and trio.current_time() >= self._pause_ends:
                await self._renew(stale)
            if self._session is not None:
                self._found_version = await self._version.find()

    def forget_version(self) -> None:
        """Look the version up anew with the next refresh."""
        self._version.forget()

    def _is_due(self, stale: str) -> bool:
        current = self.current
        return current is None or current.key == stale or self._wall() >= self._renew_at

    async def _renew(self, stale: str) -> None:
        try:
            output = await run_bounded(self._command, seconds=RUN_S, most_bytes=MOST_OUTPUT_BYTES)
            session = parse_token_output(output, self._wall())
        except ProcessFailed as error:
            self._failed(f"The token command {error.reason}.", error.printed)
        except ValueError as error:
            self._failed(f"The token command failed. {error}")
        else:
            self._take(session, stale)

    def _take(self, session: CliSession, stale: str) -> None:
        now = self._wall()
        if session.expires_at is not None and session.expires_at <= now:
            self._failed("The token command printed a token that has expired.")
            return
        self._session, self._fault, self._renew_at = session, "", math.inf
        if session.expires_at is not None:
            lifetime = session.expires_at - now
            self._renew_at = session.expires_at - min(BEFORE_END_S, lifetime / 2)
        if token_key(session.token) == stale:
            self._failed("The token command printed again the token that xAI had refused.")

    def _failed(self, fault: str, printed: str = "") -> None:
        self._fault = fault
        self._pause_ends = trio.current_time() + PAUSE_S
        _log.warning("%s %s", fault, printed)
