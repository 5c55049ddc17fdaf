"""Requests that only this server's own page may send, or a program of the owner's.

Rules
-----
1. A browser says which page sent a request: ``Sec-Fetch-Site`` must be ``same-origin``, and
   ``Origin`` this server's own. Pages of ``cors_origins`` are no exception.
2. A program sends neither. With an API key that is enough.
3. A server without keys takes such requests only at a loopback name, from its own page, and not
   through a proxy: a proxy on the same machine would open them to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ...config import is_loopback
from ...errors import OriginNotAllowed
from .doors import LOOPBACK_NAMES, host_name

__all__ = ["require_own_page"]

FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers that a proxy adds."""


def require_own_page(headers: Mapping[str, str], *, keyed: bool, public_url: str) -> None:
    """Check a request by its headers (names in lower case).

    :param keyed: whether the server asks for an API key.
    :param public_url: this server's address in the settings; empty if there is none.
    :raises OriginNotAllowed: if another page may have sent it.
    """
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    host = headers.get("host", "")
    if site.lower() not in ("", "same-origin") or not _is_own(origin, host, public_url):
        raise OriginNotAllowed("Only this server's own page may do this in a browser.")
    if keyed:
        return
    name = host_name(host)
    if name not in LOOPBACK_NAMES and not (name and is_loopback(name)):
        raise OriginNotAllowed(
            "Without an API key this works only at a loopback address, such as "
            "http://127.0.0.1:8000: set [grok] api_key."
        )
    if not (site or origin) or any(name in headers for name in FORWARDED):
        raise OriginNotAllowed(
            "Without an API key only this server's own page may do this, and not through a proxy: "
            "set [grok] api_key."
        )


def _is_own(origin: str, host: str, public_url: str) -> bool:
    """Whether an Origin header is this server's, or there is none."""
    if not origin:
        return True
    public = urlsplit(public_url)
    if public_url and origin.lower() == f"{public.scheme}://{public.netloc}".lower():
        return True
    scheme, _, place = origin.lower().partition("://")
    return scheme in ("http", "https") and bool(place) and place == host.lower()
