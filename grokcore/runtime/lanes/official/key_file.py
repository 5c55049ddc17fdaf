"""A key of xAI's API in a file of its own, which may be rewritten while the server runs."""

from __future__ import annotations

import re
from pathlib import Path

from .credentials import Credential, CredentialSource
from .file_value import FileValue

__all__ = ["KeyFile", "parse_key"]

_BOM = b"\xef\xbb\xbf"
_KEY = re.compile(rb"[\x21-\x7e]{1,4096}")


def parse_key(data: bytes) -> Credential:
    """The key that a file holds, perhaps behind a BOM and in quotes.

    :raises ValueError: if it holds none, or anything else beside it; the content is not quoted.
    """
    words = data.removeprefix(_BOM).split()
    if not words:
        raise ValueError("It is empty; it must hold the key alone.")
    if len(words) > 1 or not _KEY.fullmatch(words[0]):
        raise ValueError("It must hold the key alone, on one line.")
    key = words[0].decode("ascii")
    is_quoted = len(key) > 2 and key[0] == key[-1] and key[0] in "\"'"
    return Credential(key[1:-1] if is_quoted else key)


class KeyFile(CredentialSource):
    """The key in ``[api] key_file``. A new key takes effect within a second."""

    def __init__(self, path: Path) -> None:
        self._file = FileValue(path, parse_key, f"There is no file {path} ([api] key_file).")

    @property
    def current(self) -> Credential | None:
        """The key as it was last read."""
        return self._file.value

    @property
    def fault(self) -> str:
        """Why there is no key."""
        return self._file.fault

    async def refresh(self, *, stale: str = "") -> None:
        """Read the file if it has changed, or if its key is *stale*."""
        await self._file.refresh(lambda credential: credential.key == stale)

    def forget_version(self) -> None:
        """A key has no version."""
