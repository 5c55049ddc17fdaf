"""A token that was typed where none belongs is not shown again."""

from __future__ import annotations

import re

__all__ = ["without_secrets"]

_LOOKS_SECRET = re.compile(r"\beyJ[\w-]{8}\S*|\b(?:sso|sso-rw|cf_clearance)=\S+")


def without_secrets(message: str) -> str:
    """*message* without what looks like a token or a cookie of Grok's."""
    return _LOOKS_SECRET.sub("…", message)
