"""The settings that completions and the web lane need of the configuration."""

from __future__ import annotations

from attrs import frozen

from ....protocol.grok_web.identity import Identity

__all__ = ["GatewaySettings"]


@frozen
class GatewaySettings:
    """What the gateway needs of the configuration."""

    base_url: str
    identity: Identity
    filtered_tags: frozenset[str]
    temporary: bool = True
    memory: bool = False
    assets_url: str = "https://assets.grok.com"
