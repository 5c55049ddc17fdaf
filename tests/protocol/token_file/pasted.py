"""What people paste where a token is asked for."""

from __future__ import annotations

import base64
import json


def jwt(session: str = "1", signature: str = "c2lnbmF0dXJl") -> str:
    """A token of Grok's form."""
    parts = ({"typ": "JWT", "alg": "HS256"}, {"session_id": session})
    encoded = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    return ".".join([*encoded, signature])


JWT, OTHER = jwt("1"), jwt("2")
CURL = f"curl 'https://grok.com/rest/app-chat/conversations/new' -H 'accept: */*' -b 'i18nextLng=en; sso={JWT}; sso-rw={JWT}' --data-raw '{{\"temporary\":true}}'"


def pieces(text: str, size: int = 6) -> set[str]:
    return {text[at : at + size] for at in range(len(text) - size + 1)}
