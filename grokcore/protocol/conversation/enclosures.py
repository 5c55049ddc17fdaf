"""Which pictures and files of a conversation go up with its question.

Rules
-----
1. Attachments of the user's last message always do: without one of them there is no answer.
2. So do attachments of all messages after the assistant's last turn, as far as they can be loaded:
   of a tool's result, or an earlier message of the user. The beginning of an answer at the end of
   the conversation does not count as a turn.
3. Other attachments are named in the transcript. On request, pictures among them go up as well, the
   latest first.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence

from attrs import field, frozen

from .attachment_part import AttachmentPart
from .attachments import Attachment
from .messages import Message

__all__ = [
    "MOST_EARLIER",
    "Enclosed",
    "Enclosure",
    "Use",
    "find_enclosures",
    "left_behind",
    "paths_by_rule",
]

MOST_EARLIER = 4
"""Pictures of earlier turns that go up on request."""


class Use(enum.Enum):
    """Why an enclosure goes up, or may."""

    NEEDED = "it belongs to the user's last message"
    WANTED = "it belongs to another message that the assistant has not answered yet"
    EARLIER = "it is a picture of an earlier message"


@frozen
class Enclosure:
    """A picture or file of a conversation that could go up."""

    part: AttachmentPart
    use: Use


@frozen
class Enclosed:
    """The pictures and files that go up with a question.

    :ivar attachments: in the order of the conversation, each content of earlier turns once.
    :ivar carriers: path of each part whose content is among them -> path of the attachment that has
        it.
    :ivar spare: paths of the attachments that the question can do without, since they are history.
    """

    attachments: tuple[Attachment, ...] = ()
    carriers: Mapping[str, str] = field(factory=dict)
    spare: frozenset[str] = frozenset()

    @classmethod
    def needed(cls, attachments: Sequence[Attachment]) -> Enclosed:
        """Attachments of which each is needed."""
        return cls(tuple(attachments), {one.path: one.path for one in attachments})

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all parts whose content goes up."""
        return frozenset(self.carriers)

    def without(self, paths: Collection[str]) -> Enclosed:
        """The rest, if the attachments of these paths don't go up."""
        return Enclosed(
            tuple(one for one in self.attachments if one.path not in paths),
            {part: carrier for part, carrier in self.carriers.items() if carrier not in paths},
            self.spare.difference(paths),
        )


def find_enclosures(messages: Sequence[Message]) -> list[Enclosure]:
    """The enclosures of *messages*, in their order, without parts that name no content."""
    last = next((i for i in reversed(range(len(messages))) if messages[i].role == "user"), None)
    begin, end = _open_end(messages)
    enclosures = []
    for index, message in enumerate(messages):
        use = Use.NEEDED if index == last else Use.WANTED if begin <= index < end else Use.EARLIER
        parts = (
            part
            for part in message.attachments
            if part.usable and (part.picture or use is not Use.EARLIER)
        )
        enclosures += [Enclosure(part, use) for part in parts]
    return enclosures


def paths_by_rule(messages: Sequence[Message]) -> frozenset[str]:
    """The paths of all attachments that go up without being asked for."""
    return frozenset(
        enclosure.part.path
        for enclosure in find_enclosures(messages)
        if enclosure.use is not Use.EARLIER
    )


def left_behind(messages: Sequence[Message], up: Collection[str]) -> frozenset[str]:
    """Names, for the response header, of the kinds of attachments that do not go up.

    :param up: the paths of those that do.
    """
    behind = [part for message in messages for part in message.attachments if part.path not in up]
    return frozenset("earlier_pictures" if part.picture else "earlier_files" for part in behind)


def _open_end(messages: Sequence[Message]) -> tuple[int, int]:
    """Begin and end of the messages that the assistant has not answered yet."""
    end = len(messages)
    while end and (messages[end - 1].role == "assistant" or messages[end - 1].empty):
        end -= 1
    begin = end
    while begin and (messages[begin - 1].role != "assistant" or messages[begin - 1].empty):
        begin -= 1
    return begin, end
