"""What the gateway is asked, and what it needs of the configuration."""

from __future__ import annotations

from attrs import field, frozen

from ..protocol.attachments import Attachment
from ..protocol.identity import Identity
from ..protocol.models import Limits, Model

__all__ = ["GatewaySettings", "Question"]


@frozen
class GatewaySettings:
    """What the gateway needs of the configuration."""

    base_url: str
    identity: Identity
    filtered_tags: frozenset[str]
    temporary: bool = True
    memory: bool = False
    assets_url: str = "https://assets.grok.com"


@frozen
class Question:
    """What a client wants to know.

    :ivar attachments: pictures and files that go up with it.
    :ivar pictures: how many are drawn if one is asked for.
    :ivar search: whether Grok may search; None leaves it to the model's row.
    """

    model: Model
    limits: Limits
    message: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    pictures: int = 2
    search: bool | None = None
