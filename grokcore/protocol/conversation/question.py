"""Requests for answers, in nobody's dialect, and their renderings by lanes."""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence

from attrs import evolve, field, frozen

from ..models import LaneName, Limits, Model
from .attachments import Attachment
from .bounds import Bounds
from .enclosures import Enclosed
from .extras import Extras
from .messages import Message
from .tools import Toolbox

__all__ = ["Question", "Rendering", "Repair", "Task", "last_words"]

LONG_CHARS = 1024 * 1024
"""Characters of a conversation that is rendered in some 20 ms."""

MESSAGE_CHARS = 1024
"""The cost of a message beside its text, and of a part of one, in characters."""


class Task(enum.Enum):
    """The kind of answer that is wanted."""

    ANSWER = "an answer in words, and whatever the model adds to them"
    PICTURES = "pictures, drawn after the words of the only message or made of its pictures"


@frozen
class Repair:
    """A request to correct an answer.

    :ivar said: the answer, as Grok wrote it.
    :ivar faults: a sentence for each fault.
    :ivar calls: calls of the answer that could be used; those of the correction are counted on.
    """

    said: str = field(repr=False)
    faults: tuple[str, ...]
    calls: int = 0


@frozen
class Question:
    """A request for an answer.

    :ivar messages: the whole conversation, oldest first.
    :ivar enclosed: pictures and files of *messages* whose contents are sent.
    :ivar pictures: how many are drawn if one is asked for.
    :ivar search: whether Grok may search; None leaves it to the model's row, and forbids it beside
        tools of the client's.
    :ivar toolbox: the client's tools.
    :ivar bounds: the client's bounds for the answer.
    :ivar repair: the answer to correct; None asks for a new one.
    :ivar extras: the client's parameters for lanes that take some.
    :ivar asker: the name of the API key that it came with; empty without one.
    :ivar lanes: the lanes that this key may use.
    """

    model: Model
    limits: Limits
    messages: tuple[Message, ...] = field(repr=False)
    enclosed: Enclosed = field(factory=Enclosed)
    task: Task = Task.ANSWER
    pictures: int = 2
    search: bool | None = None
    toolbox: Toolbox = field(factory=Toolbox)
    bounds: Bounds = field(factory=Bounds)
    repair: Repair | None = None
    extras: Extras = field(factory=Extras)
    asker: str = ""
    lanes: frozenset[LaneName] = frozenset(LaneName)

    @property
    def may_search(self) -> bool:
        """Whether Grok may search."""
        if self.search is None:
            return self.model.search and not self.toolbox.in_play
        return self.search

    @property
    def is_long(self) -> bool:
        """Whether all other answers would wait while it is rendered."""
        chars = sum(len(message.text) for message in self.messages)
        return chars > LONG_CHARS or len(self.messages) > LONG_CHARS // MESSAGE_CHARS

    def without(self, paths: Collection[str]) -> Question:
        """The question without the spare attachments of these paths (at least one)."""
        assert self.enclosed.spare.issuperset(paths), paths
        return evolve(self, enclosed=self.enclosed.without(paths))


@frozen
class Rendering:
    """A question as a lane sends it, as far as others need to know. A lane adds its own words.

    :ivar question: the question that is rendered.
    :ivar attachments: pictures and files that are sent, among them files of the lane's own making.
    :ivar ignored: names, safe in a header, of parts of the question that this lane can't pass on.
    :ivar in_file: whether the conversation is sent as a file, since it is too long for a message.
    :ivar prompt_tokens: an estimate of the words that are sent.
    :ivar tools_note: how the tools are shown, for a response header; empty without tools.
    :ivar counts: whether the upstream counts tokens itself, so that the usage is a real one.
    """

    question: Question
    attachments: tuple[Attachment, ...] = ()
    ignored: frozenset[str] = frozenset()
    in_file: bool = False
    prompt_tokens: int = 0
    tools_note: str = ""
    counts: bool = False

    @property
    def local_bounds(self) -> Bounds:
        """The client's bounds that the upstream does not keep, so that they are kept here."""
        return self.question.bounds


def last_words(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The user's last message alone; nothing if there is none."""
    return tuple(message for message in messages if message.role == "user")[-1:]
