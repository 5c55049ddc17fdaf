"""A proxy's address as people write it, in the form that libcurl is given."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

__all__ = ["parse_proxy_url"]

SCHEMES = ("http", "https", "socks5h")


def parse_proxy_url(text: str) -> str:
    """*text* with its scheme as it is used: ``socks5`` and ``socks`` mean ``socks5h``.

    Names are resolved by the proxy, or look-ups would go past it and often fail.

    :raises ValueError: it is no proxy URL. The message does not quote it: it may hold a password.
    """
    url = re.sub(r"^socks(5h?)?://", "socks5h://", text.strip(), flags=re.IGNORECASE)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and parts.hostname is not None and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", url):
        raise ValueError("must be a proxy URL: http://, https://, socks5:// or socks5h:// with a host")
    return url
