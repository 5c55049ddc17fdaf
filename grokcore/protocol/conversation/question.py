"""One question, as a lane is asked it."""

from __future__ import annotations

from attrs import field, frozen

from ..models import Limits, Model
from .attachments import Attachment


@frozen
class Question:
    """One request for an answer.

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
