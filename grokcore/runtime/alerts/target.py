"""The seam of alert targets."""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from ...protocol.alerts.message import Message

__all__ = ["Outcome", "Target"]


@frozen
class Outcome:
    """The result of a try to deliver a message.

    :ivar fault: the reason why it was not delivered to everybody, as a part of a sentence; empty if
        it was. It has no secret.
    :ivar again: whether another try may end otherwise.
    :ivar partly: whether a part of the readers has it all the same.
    """

    fault: str = ""
    again: bool = False
    partly: bool = False

    @property
    def delivered(self) -> bool:
        """Whether at least one reader has the message."""
        return not self.fault or self.partly


class Target(Protocol):
    """A place that alerts go to.

    :ivar name: its kind, as reports name it: webhook, ntfy, e-mail.
    :ivar place: its host, for the log.
    """

    @property
    def name(self) -> str: ...

    @property
    def place(self) -> str: ...

    async def send(self, message: Message) -> Outcome:
        """Try once, within a time bound. Raises nothing."""
