"""A token, or a proxy's password, that was typed where none belongs is not shown again."""

from __future__ import annotations

import re

__all__ = ["without_secrets"]

_LOOKS_SECRET = re.compile(r"\beyJ[\w-]{8}\S*|\b(?:sso|sso-rw|cf_clearance)=(?!…)\S+")

_USER_INFO = re.compile(r"(?<=://)(?!USER:PW@)\S*@")
"""Those words stand in advice on how to write one."""


def without_secrets(message: str) -> str:
    """*message* without what looks like a token or a cookie of Grok's, or like a password in a
    URL.
    """
    return _USER_INFO.sub("…@", _LOOKS_SECRET.sub("…", message))
