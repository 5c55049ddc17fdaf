"""The events that make up one answer of Grok, a class per kind.

The decoder emits an event only for *meaningful* input: each event releases the response, and
restarts the chunk clock. Heartbeats, layout hints and unknown lines are no events
(docs/developers/decisions.md, "Clocks").
"""

from __future__ import annotations

import enum
from typing import TypeAlias

from attrs import field, frozen

from ...errors import GrokApiError
from .tools import ToolKind
from .usage import Usage

__all__ = [
    "Activity",
    "Cited",
    "End",
    "Event",
    "Failed",
    "File",
    "Finished",
    "Found",
    "FoundPicture",
    "KeptPicture",
    "OfChoice",
    "Picture",
    "Progress",
    "Source",
    "Text",
    "Thinking",
    "ToolCall",
    "ToolUse",
    "Unusable",
    "Used",
    "Video",
]


@frozen
class Source:
    """A page that Grok has read or cites. *title* may be empty."""

    url: str
    title: str = ""


@frozen
class Text:
    """A piece of the answer, after the tag filter; never empty."""

    text: str


@frozen
class Thinking:
    """A piece of the reasoning, after the tag filter; never empty. Always before the first
    :class:`Text`.
    """

    text: str


@frozen
class Cited:
    """A source is cited at this place of the answer. Numbers count the different ones of an answer,
    from 1.
    """

    number: int
    source: Source


@frozen
class Found:
    """A search has found these pages; each page is reported once in an answer."""

    sources: tuple[Source, ...]


@frozen
class ToolUse:
    """Grok uses a tool of its own: its name, and its task in one line (may be empty)."""

    name: str
    detail: str = ""


@frozen
class ToolCall:
    """The model calls a tool of the client's. The call is whole; text never follows.

    :ivar index: the number of the call in the answer, from 0.
    :ivar name: the tool's name without *namespace*.
    :ivar arguments: JSON text of an object; of a custom tool, its raw text.
    """

    index: int
    name: str
    arguments: str = field(repr=False)
    namespace: str = ""
    kind: ToolKind = ToolKind.FUNCTION


@frozen
class Picture:
    """A finished picture of Grok's. *url* is absolute: an address, or a ``data:`` URL with the
    content.
    """

    url: str


@frozen
class KeptPicture:
    """A finished picture at another address than Grok's: *url* leads to a copy, *origin* is Grok's
    address.
    """

    url: str
    origin: str


@frozen
class FoundPicture:
    """A picture that a search has found, somewhere on the web; *link* is the page it is on."""

    url: str
    title: str = ""
    link: str = ""


@frozen
class File:
    """A file that Grok made; *url* as in :class:`Picture`."""

    url: str
    name: str = ""


@frozen
class Video:
    """A finished video; *url* as in :class:`Picture`."""

    url: str


@frozen
class Progress:
    """A picture or video is being made, and so much of it is done (percent)."""

    percent: int


@frozen
class Activity:
    """Grok is at work, with nothing to show: a tool's result, a report of progress, text held back
    by the filter.
    """


@frozen
class OfChoice(Activity):
    """The events that follow are of this choice of an answer, counted from 0.

    An answer of more than one choice begins with it, and each choice has a :class:`Finished`.
    Behind all of those but the last stands another ``OfChoice``.
    """

    index: int


@frozen
class Used(Activity):
    """The upstream has counted the answer: real figures in place of estimates. At most one, right
    before the last event.
    """

    usage: Usage


@frozen
class Failed:
    """Grok reported a failure, or the stream is broken. The last event."""

    error: GrokApiError


@frozen
class Unusable:
    """The answer is complete, but the client can't use it: calls of tools that can't be read or
    don't fit their declaration, or a text in another form than the client's. The last event; it
    never reaches a writer.

    :ivar said: the answer as Grok wrote it.
    :ivar faults: a sentence for each fault, for Grok.
    :ivar error: the error for the client, unless another question mends the answer.
    """

    said: str = field(repr=False)
    faults: tuple[str, ...]
    error: GrokApiError


class End(enum.Enum):
    """Why a complete answer ended where it did."""

    STOP = "the model had said everything"
    STOP_SEQUENCE = "a stop sequence of the client's occurred"
    LENGTH = "the client's limit of tokens was reached"
    CALLS = "the model waits for the results of its calls"
    REFUSAL = "Grok's moderation refused"


@frozen
class Finished:
    """The answer is complete, and it is not empty. The last event.

    :ivar detail: of a STOP_SEQUENCE, that sequence; of a REFUSAL, its reason. Else empty.
    """

    end: End = End.STOP
    detail: str = ""


Event: TypeAlias = (
    Text
    | Thinking
    | Cited
    | Found
    | ToolUse
    | ToolCall
    | Picture
    | KeptPicture
    | FoundPicture
    | File
    | Video
    | Progress
    | Activity
    | Failed
    | Unusable
    | Finished
)
