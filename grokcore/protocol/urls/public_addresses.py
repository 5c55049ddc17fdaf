"""Limits for a URL that a stranger sends: web servers on the public internet, and nothing else.

Theory
------
The server stands in a place that a stranger can't reach: beside its machine's other programs, the
router, a cloud's metadata service. Fetching a URL must not lend a stranger that place.

A URL is judged twice. :func:`split_user_url` judges its text. Its real destination is known only
once its name is resolved, and :func:`is_public` judges each address. The fetcher connects to a
judged address and resolves nothing again.

Rules
-----
1. The URL to fetch is put together anew from the judged parts (:attr:`UserUrl.url`), so that the
   HTTP library has nothing to read differently.
2. A host whose last label is a number is an IPv4 address, as for browsers. It must be four decimal
   numbers: ``127.1``, ``0x7f.1`` and ``2130706433`` mean loopback, and few checks know that.
3. Of IPv6, only the range for public use (2000::/3) is public, less those parts of it that lead
   elsewhere; of IPv4, everything but reserved ranges. Python's own ``is_global`` has to agree.
   Alone it isn't enough: multicast, NAT64 and 6to4 are global to it.
4. No message quotes the URL: it may hold a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from urllib.parse import quote

from attrs import frozen

__all__ = ["UserUrl", "canonical_address", "is_address", "is_public", "split_user_url"]

LONGEST_URL = 2048
"""The longest URL in characters. Longer ones work almost nowhere."""

LONGEST_HOST = 253

DEFAULT_PORTS = {"http": 80, "https": 443}

USUAL_PORTS = frozenset(DEFAULT_PORTS.values())
"""Ports of web servers. Other ports belong to other services."""

_UNWANTED = re.compile(r"[\s\\\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

_KEPT_IN_TARGET = "%/?:@!$&'()*+,;=[]"
"""Characters that RFC 3986 allows in a path or a query; all others are percent-encoded."""

_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")

# IANA's special-purpose registries; what IPv6 has outside 2000::/3 need not be listed.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network; 0.0.0.0 connects to loopback
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by the customers of a provider; a metadata service among them
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a public address that means the host's own agent inside Azure
        "169.254.0.0/16",  # link-local, with the metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)


@frozen
class UserUrl:
    """A stranger's URL in its parts, checked.

    :ivar scheme: ``http`` or ``https``.
    :ivar host: a name in lower case and ASCII, without a dot at its end, or an address without
        brackets.
    :ivar target: path and query, at least ``/``.
    :ivar address: the host, if it is an address; else empty, and the name has to be resolved.
    :ivar trusted: whether the configuration names the host.
    """

    scheme: str
    host: str
    port: int
    target: str
    address: str
    trusted: bool

    @property
    def url(self) -> str:
        """The URL to fetch."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{_bracketed(self.host)}{port}{self.target}"


def split_user_url(url: str, trusted: Collection[str] = ()) -> UserUrl:
    """The parts of *url*, if it may be fetched as far as its text shows, before its name is
    resolved.

    :param trusted: hosts of the configuration, each as ``host`` or ``host:port``; without a port,
        all ports are meant.
    :raises ValueError: if it may not. The message names the rule it breaks, as in "it …", and does
        not quote it.
    """
    if len(url) > LONGEST_URL:
        raise ValueError(f"it is longer than {LONGEST_URL} characters")
    if _UNWANTED.search(url):
        raise ValueError("it has white space, a control character or a backslash in it")
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise ValueError("it does not begin with http:// or https://")
    authority, target = _cut(rest)
    host, address, port = _host_and_port(authority)
    port = DEFAULT_PORTS[scheme] if port is None else port
    is_trusted = _is_trusted(host, port, trusted)
    if not (is_trusted or port in USUAL_PORTS):
        raise ValueError("its port is neither 80 nor 443")
    return UserUrl(scheme, host, port, target, address, is_trusted)


def is_address(host: str) -> bool:
    """Whether *host* is an IPv4 or IPv6 address, without brackets: no name is looked up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Whether anybody on the internet could connect to an IPv4 or IPv6 address as well.

    An IPv4 address in IPv6's form (``::ffff:a.b.c.d``) is judged as IPv4. A text that is no
    address, or has a scope (``%eth0``), is not public.
    """
    try:
        parsed = ipaddress.ip_address(canonical_address(address))
    except ValueError:
        return False
    if parsed.version == 6 and parsed not in _PUBLIC_IPV6:
        return False
    return parsed.is_global and not any(parsed in network for network in _NOT_PUBLIC)


def canonical_address(address: str) -> str:
    """The canonical form of an address, for comparison. An IPv4 address in IPv6's form becomes
    IPv4.

    :raises ValueError: if it is no address, or has a scope.
    """
    if "%" in address:
        raise ValueError("the address has a scope")
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def _cut(rest: str) -> tuple[str, str]:
    """Authority, and path with query; the fragment is the browser's business."""
    rest = rest.partition("#")[0]
    end = min((at for mark in "/?" if (at := rest.find(mark)) >= 0), default=len(rest))
    authority, target = rest[:end], quote(rest[end:], safe=_KEPT_IN_TARGET)
    return authority, target if target.startswith("/") else "/" + target


def _host_and_port(authority: str) -> tuple[str, str, int | None]:
    """Host, the same if it is an address, and port."""
    if "@" in authority:
        raise ValueError("it has a user name or a password in it")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise ValueError("its host or port can't be read")
    host, port = parts[1], int(parts[2]) if parts[2] else None
    if port is not None and not 0 < port < 2**16:
        raise ValueError("there is no such port")
    if host.startswith("["):
        address = _ipv6(host[1:-1])
        return address, address, port
    name = _name(host)
    return name, name if _NUMBER.fullmatch(name.rpartition(".")[2]) else "", port


def _ipv6(text: str) -> str:
    try:
        return canonical_address(str(ipaddress.IPv6Address(text)))
    except ValueError:
        raise ValueError(
            "what it has in brackets is not an IPv6 address, or one with a zone"
        ) from None


def _name(host: str) -> str:
    """A name in ASCII, or an IPv4 address."""
    try:
        # Digits, dots and letters of other scripts may become plain ones here: what follows must
        # look at the result.
        name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        raise ValueError("its host is not a name") from None
    if not name:
        raise ValueError("it has no host")
    labels = name.split(".")
    if len(name) > LONGEST_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("its host is not a name")
    if _NUMBER.fullmatch(labels[-1]):
        _check_ipv4(name)
    return name


def _check_ipv4(host: str) -> None:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError(
            "its host is a number, but not an IPv4 address as four decimal numbers"
        ) from None


def _is_trusted(host: str, port: int, trusted: Collection[str]) -> bool:
    shown = _bracketed(host)
    return not {host, shown, f"{shown}:{port}"}.isdisjoint(entry.lower() for entry in trusted)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
