"""The hosts of Grok's own sites."""

from __future__ import annotations

__all__ = ["is_groks_host"]

_SITES = ("grok.com", "x.ai")


def is_groks_host(host: str) -> bool:
    """Whether *host*, a name in lower case, is one of Grok's sites or below one."""
    return any(host == site or host.endswith(f".{site}") for site in _SITES)
