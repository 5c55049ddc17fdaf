"""Messages without secrets that an owner typed in a wrong place."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["name_of", "without_secrets"]

_LOOKS_SECRET = re.compile(r"\beyJ[\w-]{8}\S*|\b(?:sso|sso-rw|cf_clearance)=(?!…)\S+")

_USER_INFO = re.compile(r"(?<=://)(?!USER:PW@|me%40example\.com@)\S*@")
"""Both stand in advice on how to write the URL of a proxy, or of a mail server."""


def without_secrets(message: str) -> str:
    """*message* without anything that looks like a token, a cookie of Grok's or a password in a
    URL.
    """
    return _USER_INFO.sub("…@", _LOOKS_SECRET.sub("…", message))


def name_of(path: Path | str) -> str:
    """A file's name for messages. An owner may have typed a token where a name belongs."""
    return "the file named" if _LOOKS_SECRET.search(str(path)) else str(path)
