"""Parts of a request that only an upstream with parameters can take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

__all__ = ["Extras"]


@frozen
class Extras:
    """Parameters and tools of the upstream's own, as the client set them. Web chat takes none.

    :ivar values: fields of xAI's Responses API with their values, which the dialect has checked:
        ``temperature``, ``top_p``, ``reasoning``, ``service_tier``, ``prompt_cache_key``, ``user``.
    :ivar searches: declarations of xAI's own ``web_search`` and ``x_search``, with their options.
    :ivar names: the client's names of all of them, each safe in a header: what a lane ignores that
        takes no parameters.
    """

    values: Mapping[str, Any] = field(factory=dict, repr=False)
    searches: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    names: frozenset[str] = frozenset()
