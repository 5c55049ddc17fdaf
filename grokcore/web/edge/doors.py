"""Protection against web pages: checks of the Host header (DNS rebinding) and of origins (CORS,
forged requests).

A web page that the user visits can send requests to this server, wherever it listens. Three rules
keep it out:

1. **Host.** A page can point its own host name to 127.0.0.1 (DNS rebinding). The browser then
   treats this server as the page's own origin, but sends the page's name in the Host header. So a
   name that is no IP address must be a loopback name, that of ``public_url``, ``host``, or one of
   ``allowed_hosts``. With an API key and no ``allowed_hosts`` any name is accepted, since the page
   does not know the key. The name of a proxy or container then needs no setting.
2. **Origin.** A browser lets any page send a POST, even if the page may not read the answer.
   Without an API key, such requests from other origins are refused.
3. **CORS.** Only pages of ``cors_origins`` may read answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ...config import ServerConfig
from ...errors import GrokApiError, HostNotAllowed, OriginNotAllowed
from ...protocol.urls.public_addresses import is_address

__all__ = ["LOOPBACK_NAMES", "Doors", "host_name"]

LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_EXPOSED = (
    *("x-request-id", "request-id", "retry-after", "server-timing", "x-should-retry"),
    *(
        f"x-ratelimit-{what}-{of}"
        for of in ("requests", "tokens")
        for what in ("limit", "remaining", "reset")
    ),
    *(
        f"x-grok2api-{what}"
        for what in ("attempts", "token", "usage", "ignored", "long-context", "tools")
    ),
)
"""Response headers that a page's scripts may read, beside those that browsers always show."""

PREFLIGHT_AGE_S = 600

_HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{0,2000}")


class Doors:
    """The rules for one configuration.

    :param keyed: whether the server asks for an API key.
    """

    def __init__(self, config: ServerConfig, *, keyed: bool) -> None:
        self._keyed = keyed
        self._any_host = keyed and not config.allowed_hosts
        public = urlsplit(config.public_url).hostname or ""
        self._hosts = {
            *LOOPBACK_NAMES,
            public,
            *map(host_name, (config.host, *config.allowed_hosts)),
        }
        self._own_origin = (
            f"{urlsplit(config.public_url).scheme}://{urlsplit(config.public_url).netloc}".lower()
        )
        self._origins = frozenset(origin.rstrip("/").lower() for origin in config.cors_origins)

    def refusal(self, method: str, headers: Mapping[str, str]) -> GrokApiError | None:
        """The error that refuses a request; None if it is admitted.

        :param headers: by their names in lower case.
        """
        host = headers.get("host", "")
        if not self._knows_host(host):
            return HostNotAllowed(
                f"This server does not go by the name {_quoted(host_name(host))}. If it is meant "
                "to, add the name to [server] allowed_hosts, or set [server] public_url."
            )
        origin = headers.get("origin", "")
        if not self._keyed and method not in SAFE_METHODS and self._is_foreign(origin, host):
            return OriginNotAllowed(
                f"A web page of {_quoted(origin)} may not use this server. If it is meant to, add "
                "its origin to [server] cors_origins, or set an API key."
            )
        return None

    def cors(self, origin: str) -> dict[str, str]:
        """Response headers for a request with this Origin header; empty if it had none."""
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
        """Response headers for a CORS preflight request; None if the request is none, or its origin
        is not allowed.
        """
        if method != "OPTIONS" or "access-control-request-method" not in headers:
            return None
        if not self._lists(headers.get("origin", "")):
            return None
        asked = headers.get("access-control-request-headers", "")
        allowed = {
            "access-control-allow-methods": "GET, HEAD, POST, OPTIONS",
            # A fixed list would miss headers that SDKs invent (x-stainless-*), and "*" does not
            # cover Authorization.
            "access-control-allow-headers": asked
            if _HEADER_LIST.fullmatch(asked)
            else "authorization, content-type",
            "access-control-max-age": str(PREFLIGHT_AGE_S),
        }
        if "access-control-request-private-network" in headers:
            allowed["access-control-allow-private-network"] = "true"
        return allowed

    def _knows_host(self, header: str) -> bool:
        """Whether the Host header is a name of this server. HTTP/1.0 clients may send none, but no
        browser does.
        """
        name = host_name(header)
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
        """Whether a page of another origin sent the request. Programs send no Origin; ``null``
        comes from a page that hides its own.

        Other schemes (``file:``, ``app:``, browser extensions) are admitted: they belong to
        programs, not to web pages.
        """
        if not origin or self._lists(origin) or origin.lower() == self._own_origin:
            return False
        if not origin.lower().startswith(("http://", "https://")):
            return origin.lower() == "null"
        return origin.lower().partition("://")[2] != host.lower()

    def _lists(self, origin: str) -> bool:
        return bool(origin) and (origin.lower() in self._origins or "*" in self._origins)


def host_name(header: str) -> str:
    """``Grok.Example.com:8000`` as ``grok.example.com``; an IPv6 address without its brackets."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    if text.count(":") == 1:
        text = text.partition(":")[0]
    return text.rstrip(".")


def _quoted(text: str) -> str:
    return repr(text[:100])
