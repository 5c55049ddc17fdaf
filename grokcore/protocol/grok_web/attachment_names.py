"""Names of a conversation's pictures and files within its transcript: ``[image 1] (attached)``."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator

from ..conversation.attachment_part import AttachmentPart
from ..conversation.messages import Message

__all__ = ["AttachmentNames", "one_line"]


class AttachmentNames:
    """Names of pictures and files, in their order; pictures have numbers.

    :param up: the paths of parts that go up.
    :param own: the paths of parts that need no name, since no others go up.
    """

    def __init__(self, up: Collection[str], own: Collection[str]) -> None:
        self._up = up
        self._own = own
        self._pictures = itertools.count(1)

    def of(self, message: Message) -> str:
        """A line for each picture and file of *message*."""
        return "\n".join(self._lines(message))

    def _lines(self, message: Message) -> Iterator[str]:
        for part in message.attachments:
            if part.path not in self._own:
                yield f"[{self._name(part)}]{' (attached)' if part.path in self._up else ''}"

    def _name(self, part: AttachmentPart) -> str:
        return (
            f"image {next(self._pictures)}"
            if part.picture
            else f"file {one_line(part.name) or 'without a name'}"
        )


def one_line(text: str) -> str:
    """A name in one line of at most 200 characters."""
    return " ".join(text.split())[:200]
