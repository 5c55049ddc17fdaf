"""The events that make up one answer of Grok, a class per kind.

The decoder emits an event only for *meaningful* input: each event releases the response, and
restarts the chunk clock. Heartbeats, layout hints and unknown lines are no events
(docs/developers/decisions.md, "Clocks").
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from ...errors import GrokApiError

__all__ = [
    "Activity",
    "Cited",
    "Event",
    "Failed",
    "File",
    "Finished",
    "Found",
    "FoundPicture",
    "KeptPicture",
    "Picture",
    "Progress",
    "Source",
    "Text",
    "Thinking",
    "ToolUse",
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
    """Grok uses a tool: its name, and its task in one line (may be empty)."""

    name: str
    detail: str = ""


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
class Failed:
    """Grok reported a failure, or the stream is broken. The last event."""

    error: GrokApiError


@frozen
class Finished:
    """Grok reported that the answer is complete, and it is not empty. The last event."""


Event: TypeAlias = (
    Text
    | Thinking
    | Cited
    | Found
    | ToolUse
    | Picture
    | KeptPicture
    | FoundPicture
    | File
    | Video
    | Progress
    | Activity
    | Failed
    | Finished
)
