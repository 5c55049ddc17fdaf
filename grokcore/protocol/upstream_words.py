"""Messages of an upstream, made fit to be shown."""

from __future__ import annotations

import re

__all__ = ["CLEANED_FROM_CHARS", "cleaned"]

CLEANED_FROM_CHARS = 2000
"""Characters of a message that are cleaned; 300 of the result are shown."""

_SECRETS = re.compile(
    r"((?:sso(?:-rw)?|cf_clearance|x-statsig-id)\s*[=:]\s*|\beyJ|\bxai-(?=[\w-]{8})"
    r"|\bbearer\s+(?=[^\s;,\"']{16})|\bkey provided:\s*)[^\s;,\"']+",
    re.IGNORECASE,
)
"""Secrets of a request that an upstream may echo: cookies, the statsig value, all JWTs, keys of
xAI's API, or a part of one.
"""


def cleaned(message: object) -> str:
    """An upstream's message, fit for a client: one line of at most 300 characters, without markup,
    control characters, cookies or keys. Empty if *message* is no text.
    """
    text = message[:CLEANED_FROM_CHARS] if isinstance(message, str) else ""
    text = _SECRETS.sub(r"\1…", re.sub(r"<[^>]*>|[\x00-\x1f\x7f-\x9f]+", " ", text))
    return " ".join(text.split())[:300]
