"""Where the Redis of a shared pool is, as its owner writes it.

Theory
------
As in a proxy's address, user info ends at the last ``@``. So a password may have any characters but
``%``, which is written ``%25``, and no piece of it is taken for a host. Messages never quote the
text, which may hold a password.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from attrs import field, frozen

__all__ = ["ShareAddress", "share_url"]

_FORM = (
    "must be a Redis URL: redis://HOST:PORT/DB, rediss:// (TLS), or unix:///PATH?db=DB; user and "
    "password come before the host, as USER:PASSWORD@"
)
_SCHEME = re.compile(r"(redis|rediss|unix)://(.*)", re.IGNORECASE | re.DOTALL)
_TCP = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:/?#@\[\]\\%]+))(?::(?P<port>[0-9]{1,5}))?"
    r"(?:/(?P<path_db>[0-9]{1,6})?)?(?:\?db=(?P<db>[0-9]{1,6}))?"
)
_UNIX = re.compile(r"(?P<path>/[^?#]+?)(?:\?db=(?P<db>[0-9]{1,6}))?")
_PORT = 6379
_NO_USER = ("", "")


@frozen
class ShareAddress:
    """A Redis, and how to get in.

    :ivar host: name or IP address; empty for a Unix socket.
    :ivar path: of a Unix socket; empty for a host.
    :ivar db: number of the database.
    :ivar user: empty for Redis's default user.
    :ivar password: empty for none.
    :ivar tls: whether the connection is encrypted, and the server's certificate verified.
    """

    host: str = ""
    port: int = _PORT
    path: str = ""
    db: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False

    @property
    def place(self) -> str:
        """The address for messages: without user and password."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def share_url(text: str) -> ShareAddress:
    """Read the URL of a Redis.

    :raises ValueError: if it is none. No message quotes it.
    """
    text = text.strip()
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueError(f"{_FORM}, without line ends and control characters")
    match = _SCHEME.fullmatch(text)
    if match is None:
        raise ValueError(_FORM)
    before, at, rest = match[2].rpartition("@")
    user, password = _credentials(before) if at else _NO_USER
    if match[1].lower() == "unix":
        return _socket(rest, user, password)
    return _host(rest, user, password, tls=match[1].lower() == "rediss")


def _credentials(text: str) -> tuple[str, str]:
    user, _, password = text.partition(":")
    if user and not password:
        raise ValueError(
            f"{_FORM}; a user without a password is none, write :PASSWORD@HOST for one"
        )
    return _decoded(user), _decoded(password)


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"{_FORM}, with %XX for the bytes of UTF-8 only") from None


def _socket(rest: str, user: str, password: str) -> ShareAddress:
    match = _UNIX.fullmatch(rest)
    if match is None:
        raise ValueError(f"{_FORM}; the path of a Unix socket begins with /")
    path = _decoded(match["path"])
    return ShareAddress(path=path, db=int(match["db"] or 0), user=user, password=password)


def _host(rest: str, user: str, password: str, *, tls: bool) -> ShareAddress:
    match = _TCP.fullmatch(rest)
    if match is None:
        raise ValueError(_FORM)
    port = int(match["port"] or _PORT)
    if not 0 < port < 65_536:
        raise ValueError(f"{_FORM}; a port is a number from 1 to 65535")
    if match["path_db"] and match["db"]:
        raise ValueError(f"{_FORM}; this one names two databases")
    host = match["v6"] or match["name"]
    db = int(match["path_db"] or match["db"] or 0)
    return ShareAddress(host, port, "", db, user, password, tls)
