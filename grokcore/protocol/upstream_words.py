"""An upstream's own words, made fit to be shown."""

from __future__ import annotations

import re

__all__ = ["CLEANED_FROM_CHARS", "cleaned"]

CLEANED_FROM_CHARS = 2000
"""How much of a message is looked at: what is shown of it is 300 characters."""

_SECRETS = re.compile(
    r"((?:sso(?:-rw)?|cf_clearance|x-statsig-id)\s*[=:]\s*|\beyJ)[^\s;,\"']+", re.IGNORECASE
)
"""What must not be repeated, should upstream echo a request: cookies, the statsig value, anything
like a JWT.
"""


def cleaned(message: object) -> str:
    """Upstream's own words, fit for a client: one line, no markup, no control characters, no
    cookies, 300 characters.
    """
    text = message[:CLEANED_FROM_CHARS] if isinstance(message, str) else ""
    text = _SECRETS.sub(r"\1…", re.sub(r"<[^>]*>|[\x00-\x1f\x7f-\x9f]+", " ", text))
    return " ".join(text.split())[:300]
