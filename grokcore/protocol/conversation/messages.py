"""The turns of a conversation, in no dialect."""

from __future__ import annotations

from attrs import frozen

from .attachment_part import AttachmentPart

__all__ = ["Call", "Message"]


@frozen
class Call:
    """A call of a tool by the assistant, in the history.

    :ivar name: with its namespace, if it has one: ``namespace.name``.
    :ivar arguments: JSON or raw text.
    """

    id: str
    name: str
    arguments: str

    def __str__(self) -> str:
        """A line for the transcript."""
        which = f" ({self.id})" if self.id else ""
        return f"[called {self.name or 'a tool'}{which} with {self.arguments}]"


@frozen
class Message:
    """A turn of a conversation.

    :ivar role: system, developer, user, assistant or tool.
    :ivar text: may be empty.
    :ivar name: of the speaker; of a tool, the tool's. May be empty.
    :ivar call_id: of a tool's turn, the call that it answers; may be empty.
    :ivar calls: of the assistant's turn, the tools that it called and that did not answer within
        the turn.
    :ivar failed: of a tool's turn, whether it reports a failure.
    """

    role: str
    text: str
    attachments: tuple[AttachmentPart, ...] = ()
    name: str = ""
    call_id: str = ""
    calls: tuple[Call, ...] = ()
    failed: bool = False

    @property
    def empty(self) -> bool:
        """Whether it has no content, and so does not count. An empty result of a named tool does
        count.
        """
        result = self.role == "tool" and (self.name or self.call_id)
        return not (self.text.strip() or self.attachments or self.calls or result)
