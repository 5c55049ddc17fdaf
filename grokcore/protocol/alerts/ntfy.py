"""Messages of ntfy: a text to a topic's URL, with the rest in headers (docs.ntfy.sh/publish)."""

from __future__ import annotations

from email.header import Header

from .alert import AlertState
from .message import Message

__all__ = ["ntfy_headers"]


def ntfy_headers(message: Message, token: str) -> tuple[tuple[str, str], ...]:
    """The headers of a request.

    :param token: an access token of ntfy's; empty for a topic that asks for none.
    """
    begun = message.alert.state is AlertState.BEGUN
    return (
        ("Title", _in_ascii(message.title)),
        ("Tags", "warning" if begun else "white_check_mark"),
        ("Priority", "high" if begun else "default"),
        ("Content-Type", "text/plain; charset=utf-8"),
        *((("Authorization", f"Bearer {token}"),) if token else ()),
    )


def _in_ascii(text: str) -> str:
    """*text* for a header, which is ASCII (RFC 2047)."""
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()
