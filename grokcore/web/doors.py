"""What browsers are let in for: the Host header (DNS rebinding) and the origins of web pages (CORS,
forged requests).

A web page that the user visits can send requests to this server, wherever it listens. Three things
keep it out:

1. **Host.** A page whose name suddenly leads to 127.0.0.1 (DNS rebinding) is of the same origin as
   this server, for the browser; but its name stands in the Host header. Names that are no address
   must be known: loopback names, that of ``public_url``, ``host``, and ``allowed_hosts``. With an
   API key and no ``allowed_hosts`` any name will do, since such a page does not know the key; a
   proxy or a container's name needs no setting then.
2. **Origin.** A page may send a POST anywhere without being allowed to read the answer. Without an
   API key, whoever does so from another origin is refused.
3. **CORS.** Only pages of ``cors_origins`` may read answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..config import ServerConfig
from ..errors import GrokApiError, HostNotAllowed, OriginNotAllowed
from ..protocol.urls.public_addresses import is_address

__all__ = ["Doors"]

LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_EXPOSED = (
    *("x-request-id", "retry-after", "server-timing", "x-should-retry"),
    *(f"x-ratelimit-{what}-requests" for what in ("limit", "remaining", "reset")),
    *(f"x-grok2api-{what}" for what in ("attempts", "token", "usage", "ignored", "long-context")),
)
"""Headers that scripts may see beside the few that they always may."""

PREFLIGHT_AGE_S = 600

_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{0,2000}")


class Doors:
    """The rules for one configuration.

    :param keyed: whether an API key is asked for.
    """

    def __init__(self, config: ServerConfig, *, keyed: bool) -> None:
        self._keyed = keyed
        self._any_host = keyed and not config.allowed_hosts
        public = urlsplit(config.public_url).hostname or ""
        self._hosts = {
            *LOOPBACK_NAMES,
            public,
            *map(_host_name, (config.host, *config.allowed_hosts)),
        }
        self._own_origin = (
            f"{urlsplit(config.public_url).scheme}://{urlsplit(config.public_url).netloc}".lower()
        )
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.cors_origins)

    def refusal(self, method: str, headers: Mapping[str, str]) -> GrokApiError | None:
        """Why a request is not let in; None if it is.

        :param headers: by their names in lower case.
        """
        host = headers.get("host", "")
        if not self._knows_host(host):
            return HostNotAllowed(
                f"This server does not go by the name {_shown(_host_name(host))}. If it is meant "
                "to, add the name to "
                "[server] allowed_hosts, or set [server] public_url."
            )
        origin = headers.get("origin", "")
        if not self._keyed and method not in SAFE_METHODS and self._is_foreign(origin, host):
            return OriginNotAllowed(
                f"A web page of {_shown(origin)} may not use this server. If it is meant to, add "
                "its origin to [server] "
                "cors_origins, or set an API key."
            )
        return None

    def cors(self, origin: str) -> dict[str, str]:
        """Response headers for a request with this Origin header (empty if it had none)."""
        if not self._origins:
            return {}
        if not self._lists(origin):
            return {"vary": "Origin"}
        allowed = {
            "access-control-allow-origin": origin,
            "access-control-expose-headers": ", ".join(_EXPOSED),
        }
        return {"vary": "Origin", **allowed}

    def preflight(self, method: str, headers: Mapping[str, str]) -> dict[str, str] | None:
        """Response headers for a browser's question whether it may send a request; None if this is
        not one.
        """
        if method != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        if not self._lists(headers.get("origin", "")):
            return None
        asked = headers.get("access-control-request-headers", "")
        found = {
            "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
            # A fixed list would miss what SDKs invent (x-stainless-*), and "*" does not stand for
            # Authorization.
            "access-control-allow-headers": asked
            if _HEADER_LIST.fullmatch(asked)
            else "authorization, content-type",
            "access-control-max-age": str(PREFLIGHT_AGE_S),
        }
        if "access-control-request-private-network" in headers:
            found["access-control-allow-private-network"] = "true"
        return found

    def _knows_host(self, header: str) -> bool:
        """HTTP/1.0 may do without the header; no browser does."""
        name = _host_name(header)
        if (
            self._any_host
            or not name
            or name in self._hosts
            or "*" in self._hosts
            or is_address(name)  # no name server can have been made to lie
        ):
            return True
        if name.endswith(".localhost"):
            return True
        parents = (name[at:] for at, letter in enumerate(name) if letter == ".")
        return any(parent in self._hosts or f"*{parent}" in self._hosts for parent in parents)

    def _is_foreign(self, origin: str, host: str) -> bool:
        """Whether a page of another origin sends this. Programs send no Origin; ``null`` is a page
        that hides its own.

        Schemes of programs that show pages (``file:``, ``app:``, extensions) are let in: no web
        page has them.
        """
        if not origin or self._lists(origin) or origin.lower() == self._own_origin:
            return False
        if not origin.lower().startswith(("http://", "https://")):
            return origin.lower() == "null"
        return origin.lower().partition("://")[2] != host.lower()

    def _lists(self, origin: str) -> bool:
        return bool(origin) and (origin.lower() in self._origins or "*" in self._origins)


def _host_name(header: str) -> str:
    """``Grok.Example.com:8000`` as ``grok.example.com``; an IPv6 address without its brackets."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    if text.count(":") == 1:
        text = text.partition(":")[0]
    return text.rstrip(".")


def _shown(text: str) -> str:
    return repr(text[:100])
