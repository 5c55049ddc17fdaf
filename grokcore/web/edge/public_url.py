"""This server's address as a client sees it, for links in answers.

The client's own Host header is used only in the answer to that client. Forwarding headers are used
only from proxies that the configuration trusts, since any client can send such headers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from ...config import ServerConfig

__all__ = ["public_base"]

Scope: TypeAlias = Any  # an ASGI scope: a dict with values of many types

SCHEMES = ("http", "https")

# A host name or address, perhaps with a port. The lengths are those of the longest names.
_PLACE = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")


def public_base(config: ServerConfig, scope: Scope) -> str:
    """Scheme and host, perhaps a port, and the path of ``[server] public_url``, without a trailing
    slash.

    :param scope: the ASGI scope of the request that is answered.
    """
    if config.public_url:
        return config.public_url
    forwarded = _is_trusted(scope.get("client"), config.trusted_proxies)
    scheme = _first(scope, b"x-forwarded-proto").lower() if forwarded else ""
    host = _first(scope, b"x-forwarded-host") if forwarded else ""
    return f"{scheme if scheme in SCHEMES else _scheme(scope)}://{_place(host) or _host(scope)}"


def _scheme(scope: Scope) -> str:
    return "https" if scope.get("scheme") == "https" else "http"


def _host(scope: Scope) -> str:
    """The request's Host header, or else the socket's own address."""
    own_host, own_port = scope.get("server") or ("127.0.0.1", None)
    own = f"[{own_host.partition('%')[0]}]" if ":" in own_host else own_host
    return _place(_value(scope, b"host")) or (f"{own}:{own_port}" if own_port else own)


def _place(text: str) -> str:
    return text if _PLACE.fullmatch(text) else ""


def _first(scope: Scope, name: bytes) -> str:
    """The first value of a header's list; each further proxy appends its own."""
    return _value(scope, name).partition(",")[0].strip()


def _value(scope: Scope, name: bytes) -> str:
    return next(
        (value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), ""
    )


def _is_trusted(client: Sequence[Any] | None, trusted: Sequence[str]) -> bool:
    """Whether a connection comes from one of these addresses or networks. Malformed entries match
    nothing.
    """
    if not trusted or not client:
        return False
    try:
        peer = ipaddress.ip_address(str(client[0]).partition("%")[0])
    except ValueError:
        return False
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(_covers(entry, peer) for entry in trusted)


def _covers(entry: str, peer: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return peer in ipaddress.ip_network(entry.strip(), strict=False)
    except ValueError:
        return False
