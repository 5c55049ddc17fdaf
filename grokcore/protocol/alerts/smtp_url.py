"""The address of a mail server, as ``[alerts] smtp`` has it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from attrs import frozen

__all__ = ["SmtpServer", "parse_smtp_url"]

_PORTS = {"smtps": 465, "smtp": 587}


@frozen
class SmtpServer:
    """A mail server.

    :ivar tls: whether TLS begins with the connection; else it is begun by STARTTLS.
    :ivar user: the user's name; empty for a server that asks for none.
    """

    host: str
    port: int
    tls: bool
    user: str = ""

    @property
    def needs_tls(self) -> bool:
        """Whether nothing may be sent in clear: everywhere but on this machine."""
        if self.host == "localhost":
            return False
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return True


def parse_smtp_url(url: str) -> SmtpServer:
    """The server that a URL names: ``smtps://user@host:465`` or ``smtp://user@host:587``.

    :raises ValueError: if it is no such URL; the message quotes nothing of it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL with a host and a port") from None
    if parts.scheme not in _PORTS:
        raise ValueError("must start with smtps:// or smtp://")
    if parts.password is not None:
        raise ValueError("must be without the password, which belongs into smtp_password")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be like smtps://me%40example.com@smtp.example.com:465")
    return SmtpServer(
        parts.hostname,
        _PORTS[parts.scheme] if port is None else port,
        parts.scheme == "smtps",
        unquote(parts.username or ""),
    )
