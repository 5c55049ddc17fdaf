"""A proxy's address as people write it, in the form that libcurl needs.

Theory
------
Providers make passwords of any characters, and people paste them as they are. In a URL, ``@ # / ?``
end the user info or the host. A URL parser then takes a piece of the password for the host's name,
and asks a name server for it.

Here user info ends at the last ``@``. The text behind it must be a host with its port, or all is
refused. User and password are percent-encoded, so that libcurl can read them in one way only.

``%`` with two hex digits is an escape already; such a part of a password must be written with
``%25``.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import quote

__all__ = ["SCHEMES", "parse_proxy_url", "proxy_address"]

SCHEMES = ("http", "https", "socks5h")

_FORM = "must be a proxy URL: http://, https://, socks5:// or socks5h:// with a host"
_EXAMPLE = (
    "as in http://USER:PW@HOST:PORT, with %40 %23 %2F %3F %3A %25 for @ # / ? : % in USER and PW"
)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]\\%]+)(?::([0-9]{1,5}))?/?")
_PROVIDERS_ORDER = re.compile(r"((?:[\w-]+\.)*[\w-]+):([0-9]{1,5}):([^:]+):(.*)", re.DOTALL)
"""The form in which providers list proxies: ``host:port:user:password``."""


def parse_proxy_url(text: str) -> str:
    """*text* as a URL with a usable scheme, and with user and password percent-encoded.

    ``socks5`` and ``socks`` mean ``socks5h``: the proxy resolves names. Local look-ups would bypass
    it and often fail.

    :raises ValueError: if it is no proxy URL, or could be read in two ways. No message quotes it:
        it may hold a password.
    """
    text = text.strip()
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in text):
        raise ValueError(f"{_FORM}, without line ends and control characters")
    match = _SCHEME.match(text)
    if match is None:
        raise ValueError(f"{_FORM}; there is no scheme, write it {_EXAMPLE}")
    scheme = re.sub(r"^socks5?h?$", "socks5h", match.group(1).lower())
    if scheme not in SCHEMES:
        raise ValueError(_FORM)
    userinfo, endpoint = _parts(text[match.end() :])
    return f"{scheme}://{_encoded(userinfo)}{_endpoint(endpoint, with_user=userinfo is not None)}"


def proxy_address(proxy_url: str) -> str:
    """Host and port of a parsed proxy URL, without user and password; empty for a direct
    connection.
    """
    return proxy_url.rpartition("://")[2].rpartition("@")[2]


def _parts(rest: str) -> tuple[tuple[str, str | None] | None, str]:
    """User and password, if any, and host with port, in the text behind the scheme."""
    before, at, behind = rest.rpartition("@")
    listed = _PROVIDERS_ORDER.fullmatch(rest.rstrip("/") if not at else rest)
    if listed and at:
        raise ValueError(f"{_FORM}; this one can be read in two ways, write it {_EXAMPLE}")
    if listed:
        host, port, user, password = listed.groups()
        return (user.replace("%", "%25"), password.replace("%", "%25")), f"{host}:{port}"
    if not at:
        return None, behind
    user, colon, password = before.partition(":")
    return (user, password if colon else None), behind


def _endpoint(text: str, *, with_user: bool) -> str:
    """Host and port. With a user the port is required: a password's end might pass for a host."""
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        raise ValueError(f"{_FORM}; write it {_EXAMPLE}")
    host, port = match.groups()
    if port is None and with_user:
        raise ValueError(f"{_FORM} and its port; write it {_EXAMPLE}")
    if port is not None and not 0 < int(port) < 65536:
        raise ValueError(f"{_FORM}, and a port from 1 to 65535")
    return _host(host) + (f":{int(port)}" if port else "")


def _host(text: str) -> str:
    """A host's name in ASCII, or an address."""
    try:
        if text.startswith("["):
            return f"[{ipaddress.IPv6Address(text[1:-1])}]"
        name = text.encode("idna").decode("ascii").lower()
    except ValueError:  # includes UnicodeError
        name = ""
    if not re.fullmatch(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?", name):
        raise ValueError(f"{_FORM}; what stands in its place is none")
    return name


def _encoded(userinfo: tuple[str, str | None] | None) -> str:
    """User and password in a URL's form, with the ``@`` behind. An existing escape stays."""
    if userinfo is None:
        return ""
    user, password = (
        None if part is None else quote(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", part), safe="%")
        for part in userinfo
    )
    if "%00" in f"{user}{password}":
        raise ValueError(f"{_FORM}, and no NUL in USER and PW")
    return f"{user}@" if password is None else f"{user}:{password}@"
