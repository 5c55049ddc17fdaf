"""The session of xAI's own CLI, from the file that ``grok login`` wrote.

The file is only read: never written, locked or renewed. The CLI renews it whenever it runs. If a
second program did so, xAI would revoke the session (:mod:`grokcore.protocol.official.auth_file`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ....protocol.official.auth_file import CliSession, parse_auth_file
from ....protocol.tokens import token_key
from .client_version import ClientVersion
from .credentials import Credential, CredentialSource, credential_of
from .file_value import FileValue

__all__ = ["EXPIRED", "CliSessionFile", "find_auth_file"]

EXPIRED = "The session of xAI's CLI has expired: run `grok` once, which renews it."


def find_auth_file(setting: str, environ: Mapping[str, str], home: Path) -> Path:
    """The path of ``auth.json``.

    :param setting: ``[cli] auth_file``: a path, or ``auto`` for the place where the CLI has it.
    """
    if setting != "auto":
        return home / setting[2:] if setting.startswith("~/") else Path(setting)
    if named := environ.get("GROK_AUTH_PATH"):
        return Path(named)
    folder = environ.get("GROK_HOME")
    return (Path(folder) if folder else home / ".grok") / "auth.json"


class CliSessionFile(CredentialSource):
    """The session in the CLI's file. A renewed one takes effect within a second.

    :param wall: returns seconds since 1970.
    """

    def __init__(self, path: Path, version: ClientVersion, wall: Callable[[], float]) -> None:
        missing = f"There is no session of xAI's CLI at {path}: run `grok login`."
        self._file: FileValue[CliSession] = FileValue(path, parse_auth_file, missing)
        self._version = version
        self._wall = wall
        self._found_version = ""

    @property
    def current(self) -> Credential | None:
        """The session as it was last read; None once it has expired."""
        return credential_of(self._file.value, self._found_version, self._wall())

    @property
    def fault(self) -> str:
        """Why there is no session."""
        has_expired = self._file.value is not None and self.current is None
        return EXPIRED if has_expired else self._file.fault

    async def refresh(self, *, stale: str = "") -> None:
        """Read the file if it has changed, or if its session is *stale*; look for the version."""
        await self._file.refresh(lambda session: token_key(session.token) == stale)
        if self._file.value is not None:
            self._found_version = await self._version.find()

    def forget_version(self) -> None:
        """Look the version up anew with the next refresh."""
        self._version.forget()
