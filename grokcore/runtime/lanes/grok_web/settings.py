"""The settings that the web lane needs of the configuration."""

from __future__ import annotations

from attrs import field, frozen

from ....protocol.grok_web.identity import Identity
from ....protocol.grok_web.question_text import LongTexts

__all__ = ["GrokWebSettings"]


@frozen
class GrokWebSettings:
    """See ``[grok]`` in the reference.

    :ivar base_url: and *assets_url*: without a slash at their ends.
    """

    base_url: str
    identity: Identity
    filtered_tags: frozenset[str]
    temporary: bool = True
    memory: bool = False
    assets_url: str = "https://assets.grok.com"
    long_texts: LongTexts = field(factory=LongTexts)
